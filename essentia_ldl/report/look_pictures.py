"""Pictures of what networks learned, drawn by matplotlib: records of a look flow in, drawings flow out.

A picture is as wide as those of the report, 360 of its pixels, with half as many dots again, and its letters are as
large as theirs. Colours are those of the report: blue for what is measured, orange for what it is compared with. Like
the pictures of matplotlib's elsewhere they are light on light and dark pages.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import ASCENT
from essentia_ldl.fonts import find_fonts
from essentia_ldl.report.diagrams import start_figure
from essentia_ldl.report.pictures import shown
from essentia_ldl.runs.looks import Bands, Excitations, Harmonics, Look, Seen, Spectra

Figure = Axes = Any  # matplotlib's, which is imported where it is needed
WIDTH_IN, DPI = 3.6, 150  # a pixel of the report is a hundredth of an inch
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a8a8a"
CLASSES = (BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")  # Okabe and Ito; others are grey
MARKS = "osD^v<>"
ROLES = {"test": "test", "valid": "validation", "train": "training"}
SMALL = 8.0  # points: 11 pixels of the report
KERNELS = (4, 8)  # rows, at most, and columns of kernels that are shown one by one
CURVES = (4, 3)
CORRELATED = 0.5  # least size of Pearson's r of a channel that is said to follow the loudness
EXAMPLE_HZ = 220.0  # whose harmonics are shown


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A picture that can be drawn.

    Parameters
    ----------
    suffix : str
        Behind the name of the arrays; empty for the first picture of a look.
    caption : str
        HTML.
    words : str
        What it shows, for those who do not see it.
    height_in : float
        Its height.
    paint : callable
        Draws on a figure.
    """

    suffix: str
    caption: str
    words: str
    height_in: float
    paint: Callable[[Figure], None]


def save_drawing(drawing: Drawing, path: Path) -> bytes:
    """Draw a picture; return the bytes of the PNG that belongs to `path`. Raises as `start_figure`."""
    import io

    figure = start_figure((WIDTH_IN, drawing.height_in), DPI, path)
    drawing.paint(figure)
    for axes in figure.axes:
        axes.tick_params(labelsize=SMALL, length=2, width=0.6)
        axes.xaxis.label.set_size(SMALL)
        axes.yaxis.label.set_size(SMALL)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def list_drawings(seen: Seen, look: Look) -> list[Drawing]:
    """List the pictures of a look, the first of them under its own name."""
    if isinstance(look, Spectra):
        return [_draw_spectra(look, seen.picture == ASCENT)]
    if isinstance(look, Excitations):
        return _draw_excitations(look)
    if isinstance(look, Harmonics):
        return [_draw_widths(look), _draw_triangles(look)]
    return [_draw_envelopes(look), _draw_curves(look) if look.is_temporal else _draw_kernels(look)]


def list_mel_hz(n_filters: int, highest_hz: float) -> np.ndarray:
    """Return frequencies as far from one another on the mel scale from 0 to `highest_hz`, (n_filters,) float64.

    References
    ----------
    m = 2595 log10(1 + f / 700), of the slides; after Stevens, Volkmann and Newmann (1937).

    Examples
    --------
    >>> list_mel_hz(3, 8000.0).round().tolist()
    [0.0, 1767.0, 8000.0]
    """
    mels = np.linspace(0.0, 2595 * np.log10(1 + highest_hz / 700), n_filters)
    return 700 * (10 ** (mels / 2595) - 1)


def _draw_spectra(look: Spectra, is_ascent: bool) -> Drawing:
    highest = look.sample_rate_hz / 2
    n_shown = len(look.spectra)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        _paint_heat(axes, look.spectra.T, (0.5, n_shown + 0.5, 0, highest / 1000))
        mel = list_mel_hz(n_shown, highest) / 1000
        axes.plot(np.arange(1, n_shown + 1), mel, color=ORANGE, linewidth=1.4, label="mel scale")
        axes.set(xlabel="filters, sorted by their peak", ylabel="frequency (kHz)", ylim=(0, highest / 1000))
        axes.legend(loc="upper left", fontsize=SMALL, frameon=True, framealpha=0.85, edgecolor="none")

    low, middle, high = np.percentile(look.peaks_hz, (0, 50, 100))
    of = f"{look.n_filters} filters" if n_shown == look.n_filters else f"{n_shown} of {look.n_filters} filters"
    what = f"{of}, {'waveforms' if is_ascent else 'kernels'} of {look.n_samples:,} samples"
    words = f"{look.layer}: {what}, peaks from {low:.0f} to {high:.0f} Hz, half of them below {middle:.0f} Hz"
    caption = f"<b>{shown(look.layer)}</b>: {what}; half of the peaks are below {middle / 1000:.2f} kHz"
    return Drawing("", caption, words, 2.5, paint)


def _draw_excitations(look: Excitations) -> list[Drawing]:
    found = []
    if len(look.classes) > 1:
        found += [_draw_deviations(look), _draw_means(look)]
    return [*found, _draw_loudness(look)]


def _draw_deviations(look: Excitations) -> Drawing:
    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        places = np.arange(1, len(look.blocks) + 1)
        axes.bar(places, look.deviations, 0.7, color=BLUE)
        axes.set(xlabel="block", ylabel="deviation over classes", xticks=places)
        _tidy(axes)

    n_tracks = f"{int(look.n_tracks.sum())} " if look.labels.max() >= 0 else ""  # a track may have several tags
    pairs = zip(look.blocks, look.deviations, strict=True)
    told = ", ".join(f"{name} {value:.3f}" for name, value in pairs)
    caption = (
        f"<b>How far classes differ</b>: standard deviation of the excitations over {len(look.classes)} classes, the "
        f"mean over the channels of each block; {n_tracks}{ROLES[look.role]} tracks"
    )
    return Drawing("", caption, f"Standard deviation by block: {told}", 2.2, paint)


def _draw_means(look: Excitations) -> Drawing:
    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        places = np.arange(1, len(look.blocks) + 1)
        for number, name in enumerate(look.classes):
            values = [look.block(block)[number].mean() for block in range(len(look.blocks))]
            axes.plot(places, values, **_style(number, name), linestyle="-", linewidth=1.2, markersize=3.5)
        axes.set(xlabel="block", ylabel="mean excitation", xticks=places)
        _tidy(axes)
        _put_legend(axes, look.classes)

    caption = "<b>How open the blocks are</b>: mean excitation over channels and tracks of a class, between 0 and 1"
    return Drawing("classes", caption, f"Mean excitation by block of {len(look.classes)} classes", 2.2, paint)


def _draw_loudness(look: Excitations) -> Drawing:
    heard = look.first.mean(axis=1)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number in np.unique(look.labels):
            here = look.labels == number
            style = _style(int(number), look.classes[number]) if number >= 0 else {"color": BLUE, "marker": "o"}
            axes.plot(look.loudness_db[here], heard[here], **style, linestyle="", markersize=2.6, alpha=0.6)
        axes.set(xlabel="loudness of the segment (RMS, dB of full scale)", ylabel="mean excitation")
        _tidy(axes)
        if look.labels.max() >= 0:
            _put_legend(axes, look.classes)

    n_channels = look.first.shape[1]
    n_following = int(np.sum(np.abs(np.nan_to_num(look.correlations)) > CORRELATED))
    told = f"{n_following} of {n_channels} channels follow it, with |r| above {CORRELATED:g}"
    caption = f"<b>{shown(look.blocks[0])} against loudness</b>: a dot per segment, the mean over the channels; {told}"
    words = f"{len(heard)} segments from {look.loudness_db.min():.0f} to {look.loudness_db.max():.0f} dB; {told}"
    return Drawing("loudness", caption, words, 2.4, paint)


def _draw_widths(look: Harmonics) -> Drawing:
    centres = np.sort((np.arange(1, look.n_harmonics + 1)[:, np.newaxis] * look.fundamentals_hz).ravel())

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot(centres, look.widths_hz(centres), color=BLUE, linewidth=2.2, label="learnt")
        axes.plot(centres, look.widths_hz(centres, learnt=False), color=ORANGE, linestyle="--", label="before training")
        axes.set(xlabel="centre of the filter (Hz)", ylabel="width (Hz)", xscale="log", yscale="log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
        axes.grid(color="#e9ebee", linewidth=0.6)
        _tidy(axes)
        axes.legend(loc="upper left", fontsize=SMALL, frameon=False)

    told = f"alpha {look.alpha:.4f}, beta {look.beta:.2f}, Q {look.q:.4f}"
    alpha, beta, q = look.start
    caption = (
        f"<b>Widths of the harmonic filters</b>, (alpha f + beta) / Q: {told}; before training {alpha:g}, {beta:g} "
        f"and {q:g}"
    )
    return Drawing("", caption, f"Widths by centre: {told}", 2.3, paint)


def _draw_triangles(look: Harmonics) -> Drawing:
    fundamental = look.fundamentals_hz[np.argmin(np.abs(look.fundamentals_hz - EXAMPLE_HZ))]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number in range(1, look.n_harmonics + 1):
            centre = number * float(fundamental)
            for learnt, style in ((True, {"color": BLUE}), (False, {"color": ORANGE, "linestyle": "--"})):
                half = float(look.widths_hz(np.array(centre), learnt=learnt)) / 2
                words = ("learnt" if learnt else "before training") if number == 1 else None
                axes.plot(
                    [centre - half, centre, centre + half],
                    [0, 1, 0],
                    linewidth=2.2 if learnt else 1.1,
                    label=words,
                    **style,
                )
        axes.set(xlabel="frequency (Hz)", ylabel="weight", ylim=(0, 1.35), yticks=(0, 0.5, 1))
        _tidy(axes)
        axes.legend(loc="upper center", ncols=2, fontsize=SMALL, frameon=False)

    caption = f"<b>The {look.n_harmonics} filters of one fundamental</b>, {fundamental:.0f} Hz"
    words = f"Triangles around multiples of {fundamental:.0f} Hz"
    return Drawing("triangles", caption, words, 2.0, paint)


def _draw_envelopes(look: Bands) -> Drawing:
    """Draw all filters of a layer as a heat map: what bands they weigh, or how fast they want these to change."""
    kernels = np.asarray(look.active, dtype=np.float64)
    if look.is_temporal:
        values = np.abs(np.fft.rfft(kernels[:, :, 0] * np.hanning(kernels.shape[1]), max(256, kernels.shape[1])))
        highest, name = look.frame_rate_hz / 2, "change of a band (Hz)"
    else:
        values = np.sqrt((kernels**2).mean(axis=1))
        highest, name = float(kernels.shape[2]), "band of the filter"
    largest = values.max(axis=1, keepdims=True)
    values = values / np.where(largest > 0, largest, 1.0)
    values = values[np.argsort(np.argmax(values, axis=1), kind="stable")]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        _paint_heat(axes, values.T, (0.5, len(values) + 0.5, 0, highest))
        axes.set(xlabel="filters, sorted by their peak", ylabel=name)

    n_active, n_frames, n_bands = kernels.shape
    n_filters, seconds = len(look.kernels), f"{n_frames / look.frame_rate_hz:.2g} s"
    if look.is_temporal:
        what = f"{n_filters} filters of {n_frames} frames ({seconds}) in one band: spectra of their weights"
    else:
        what = (
            f"{n_filters} filters of {n_frames} frames ({seconds}) and {n_bands} of {look.n_all} bands: root mean "
            "square of their weights over time. A filter slides over the bands, so that its lowest is 0 wherever it is"
        )
    if n_active < n_filters:
        what += f". The weights of {n_filters - n_active} are zero: they are left out"
    return Drawing("", f"<b>{shown(look.layer)}</b>: {what}", f"{look.layer}: {what}", 2.5, paint)


def _draw_kernels(look: Bands) -> Drawing:
    chosen = _choose_strongest(look.active, KERNELS[0] * KERNELS[1])
    kernels = look.active[chosen]
    peaks = np.argmax((kernels**2).mean(axis=1), axis=1)
    kernels = kernels[np.argsort(peaks, kind="stable")]

    def paint(figure: Figure) -> None:
        for axes, kernel in zip(_list_axes(figure, len(kernels), KERNELS[1]), kernels, strict=True):
            axes.set(xticks=(), yticks=())
            axes.spines[:].set_linewidth(0.4)
            largest = float(np.abs(kernel).max()) or 1.0
            settings = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
            axes.imshow(kernel.T, cmap=_diverging(), vmin=-largest, vmax=largest, **settings)
        figure.supxlabel(f"time: {kernels.shape[1]} frames", fontsize=SMALL)
        figure.supylabel(f"bands: {kernels.shape[2]}", fontsize=SMALL)

    n_all, n_rows = len(look.kernels), math.ceil(len(kernels) / KERNELS[1])
    caption = (
        f"<b>{shown(look.layer)}</b>: the {len(kernels)} filters of {n_all} with the largest weights; blue adds, "
        "orange takes away"
    )
    return Drawing("kernels", caption, f"{len(kernels)} kernels of {look.layer}", 0.4 + 0.7 * n_rows, paint)


def _draw_curves(look: Bands) -> Drawing:
    chosen = np.sort(_choose_strongest(look.active, CURVES[0] * CURVES[1]))
    kernels = look.active[chosen][:, :, 0]
    seconds = np.arange(kernels.shape[1]) / look.frame_rate_hz

    def paint(figure: Figure) -> None:
        every = _list_axes(figure, len(kernels), CURVES[1])
        for number, (axes, kernel) in enumerate(zip(every, kernels, strict=True)):
            axes.axhline(0, color=GREY, linewidth=0.5)
            axes.plot(seconds, kernel, color=BLUE, linewidth=0.9)
            axes.set(yticks=(), xlim=(0, seconds[-1]))
            _tidy(axes)
            axes.spines["left"].set_visible(False)
            axes.tick_params(labelbottom=number + CURVES[1] >= len(kernels))  # where none stands below
        figure.supxlabel("time (s)", fontsize=SMALL)
        figure.supylabel("weight", fontsize=SMALL)

    n_rows = math.ceil(len(kernels) / CURVES[1])
    caption = f"<b>{shown(look.layer)}</b>: the {len(kernels)} filters of {len(look.kernels)} with the largest weights"
    return Drawing("curves", caption, f"{len(kernels)} kernels of {look.layer} over time", 0.5 + 0.6 * n_rows, paint)


def _choose_strongest(kernels: np.ndarray, n_chosen: int) -> np.ndarray:
    """Return the numbers of the kernels with the largest sums of squares, the largest first."""
    strength = (np.asarray(kernels, dtype=np.float64) ** 2).sum(axis=(1, 2))
    return np.argsort(-strength, kind="stable")[:n_chosen]


def _list_axes(figure: Figure, n_axes: int, n_columns: int) -> list[Axes]:
    """Return axes in rows, and hide those that are left over in the last one."""
    every = list(figure.subplots(math.ceil(n_axes / n_columns), n_columns, squeeze=False).ravel())
    for axes in every[n_axes:]:
        axes.set_visible(False)
    return every[:n_axes]


def _paint_heat(axes: Axes, values: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    image = axes.imshow(
        values, origin="lower", aspect="auto", extent=extent, cmap=_rising(), vmin=0, vmax=1, interpolation="nearest"
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, ticks=(0, 0.5, 1))
    bar.set_label("share of the peak")
    bar.outline.set_linewidth(0.4)


def _rising() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("rising", ("#ffffff", "#7fb8d8", BLUE, "#00263d"))


def _diverging() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("diverging", ("#7a3600", ORANGE, "#ffffff", BLUE, "#00263d"))


def _style(number: int, name: str) -> dict[str, Any]:
    known = number < len(CLASSES)
    words, _ = find_fonts(name)
    return {
        "color": CLASSES[number] if known else GREY,
        "marker": MARKS[number % len(MARKS)],
        "label": words if known else None,
        "markeredgewidth": 0,
    }


def _put_legend(axes: Axes, names: tuple[str, ...]) -> None:
    families = dict.fromkeys(family for name in names[: len(CLASSES)] for family in find_fonts(name)[1])
    settings = {"family": list(families), "size": SMALL}
    axes.legend(loc="best", prop=settings, frameon=True, framealpha=0.85, edgecolor="none")


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[:].set_linewidth(0.6)
    axes.set_axisbelow(True)
