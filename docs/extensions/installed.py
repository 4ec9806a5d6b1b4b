"""Draw what `install` makes: what the terminal says, the files, and the page for model hubs.

In: models of ESSENTIA_LDL_HOME, a head first, and the picture to write: ``python docs/extensions/installed.py
docs/pictures/installed.png MODEL...``. The commands are run in an empty folder, and what they print is shown as it is.
The page is laid out from its Markdown; what stands above it, for hubs to read, is left out. Needs Chromium, and the
extras docs and dev.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH, MOST_HEIGHT, EDGE = 900, 3000, 20
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
STYLE = """
body { margin: 0; background: #fbfaf8; color: #1d2126; font: 15px/1.45 system-ui, "Noto Sans", sans-serif; }
pre { font: 11.6px/1.5 "DejaVu Sans Mono", monospace; white-space: pre-wrap; margin: 0; }
.terminal { background: #14171b; color: #e9ecef; border-radius: 12px; padding: 16px 18px; margin: 20px; }
.terminal b { color: #56b4e9; font-weight: 600; }
.page { background: #fff; border: 1px solid #dcdfe3; border-radius: 12px; padding: 4px 26px 16px; margin: 20px; }
.page pre { background: #f1f2f4; border-radius: 8px; padding: 10px 12px; }
.page h1 { font-size: 23px; } .page h2 { font-size: 17px; } .page table { border-collapse: collapse; }
.page td, .page th { border: 1px solid #dcdfe3; padding: 3px 10px; text-align: left; }
.name { color: #5b6570; font-size: 12.5px; margin: 12px 0 -6px; }
"""


def run(folder: Path, line: str) -> str:
    """Run a line of a shell in a folder; return it as it is typed, and what it printed, as HTML."""
    program = line.replace("essentia-ldl ", f"{sys.executable} -m essentia_ldl ", 1)
    done = subprocess.run(program, shell=True, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return f"<b>$ {html.escape(line)}</b>\n{html.escape(done.stdout.rstrip())}"


def lay_out(folder: Path, models: list[str]) -> str:
    """Run the commands in a folder; return the page that shows them."""
    from markdown_it import MarkdownIt

    said = [
        run(folder, f"essentia-ldl install {' '.join(models)} --official --tree --with-extractor --into models"),
        run(folder, "find models -type f | sort"),
        run(folder, f"essentia-ldl install {models[0]} --hub-layout --into hub"),
    ]
    name = f"hub/{models[0]}/README.md"
    text = (folder / name).read_text("utf-8").split("---\n", 2)[2]
    page = f'<p class="name">{name}</p>{MarkdownIt("commonmark").enable("table").render(text)}'
    terminal = "\n\n".join(said)
    return f'<style>{STYLE}</style><div class="terminal"><pre>{terminal}</pre></div><div class="page">{page}</div>'


def draw(page: str, target: Path) -> None:
    """Draw a page, as high as it is."""
    from PIL import Image, ImageChops

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"browser: expected one of {', '.join(BROWSERS)}; got none (PATH). Install Chromium.")
    with tempfile.TemporaryDirectory() as folder:
        source, shot = Path(folder, "page.html"), Path(folder, "shot.png")
        source.write_text(f'<!doctype html><meta charset="utf-8">{page}', "utf-8")
        size = f"--window-size={WIDTH},{MOST_HEIGHT}"
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            size,
            f"--screenshot={shot}",
            source.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(shot) as image:
            image = image.convert("RGB")
            ground = Image.new("RGB", image.size, image.getpixel((0, 0)))
            bottom = ImageChops.difference(image, ground).getbbox()[3] + EDGE
            image.crop((0, 0, WIDTH, bottom)).quantize(64).save(target, optimize=True)


if __name__ == "__main__":
    picture, *chosen = sys.argv[1:]
    with tempfile.TemporaryDirectory() as empty:
        draw(lay_out(Path(empty), chosen), Path(picture))
