"""Arrays of .npz files: whole, or one sentence with the path."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from essentia_ldl import arrays as arrays_module
from essentia_ldl.arrays import opened_arrays, read_array, read_arrays
from essentia_ldl.errors import DataError, StoreError


def test_every_array_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.array(["sad"]))
    found = read_arrays(tmp_path / "a.npz", "weights")
    assert sorted(found) == ["x", "y"]
    assert found["x"].tolist() == [0, 1, 2]


@pytest.mark.slow
def test_every_flipped_bit_is_read_or_told(tmp_path):
    """Case C2: one bit of every byte. A flip in a time of the archive leaves all as it was, none a traceback."""
    path = tmp_path / "predictions.npz"
    arrays = {"ids": np.array(["a", "b"]), "probabilities": np.eye(2, dtype=np.float32)}
    np.savez(path, **arrays)
    whole, told = path.read_bytes(), []
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            found = read_arrays(path, "predictions")
            assert found.keys() == arrays.keys()
            assert all(found[name].dtype == array.dtype for name, array in arrays.items())
            assert all(np.array_equal(found[name], array) for name, array in arrays.items())
        except StoreError as error:
            told.append(str(error))
    assert len(told) > len(whole) / 4
    assert all(text.startswith("predictions: expected a readable file; got ") for text in told)
    assert all(text.endswith(f"({path}). Train the run again.") for text in told)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00", b"no archive"])
def test_what_is_no_archive_is_one_sentence(tmp_path, content):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"^weights: expected a readable file; got .*weights\.npz\)\. Do it again\.$"):
        read_arrays(path, "weights", "Do it again.")


def test_pickled_objects_and_single_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
    with pytest.raises(StoreError, match="allow_pickle"):
        read_arrays(tmp_path / "a.npz", "weights")
    with open(tmp_path / "b.npz", "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(StoreError, match="a single array"):
        read_arrays(tmp_path / "b.npz", "weights")
    with pytest.raises(StoreError, match=r"No such file.*c\.npz"):
        read_arrays(tmp_path / "c.npz", "weights")


def test_an_archive_is_not_unpacked_beyond_its_bound(tmp_path, monkeypatch):
    """The sizes that it declares are compared with the file, before anything is unpacked."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros(10**6))
    assert read_arrays(path, "weights")["x"].shape == (10**6,), "small archives may be as empty as they like"
    monkeypatch.setattr(arrays_module, "SMALL_BYTES", 2**20)
    monkeypatch.setattr(arrays_module.np, "load", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(StoreError, match=r"weights: expected a readable file; got 'an archive that unpacks to 80\d+"):
        read_arrays(path, "weights")


def write_shape(path, shape: str, data: bytes, member: bool = False) -> None:
    """Write an array whose header says another shape, as a file or in an archive."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data
    if not member:
        path.write_bytes(content)
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", content)


@pytest.mark.parametrize("shape", ["(10**12,)", "(1000000000000,)", "(3, 4)", "(-2,)", "(2, 2)", "()", "3", "(2"])
@pytest.mark.parametrize("member", [False, True])
def test_a_header_that_does_not_tell_the_bytes_that_follow_is_refused(tmp_path, shape, member):
    """Case C2: no memory is asked for, and no number is read that is not there."""
    write_shape(tmp_path / "a", "(2,)", b"\0" * 8, member)
    (read_arrays if member else read_array)(tmp_path / "a", "features")
    write_shape(tmp_path / "a", shape, b"\0" * 8, member)
    with pytest.raises(StoreError, match=r"features: expected a readable "):
        (read_arrays if member else read_array)(tmp_path / "a", "features")
    assert (tmp_path / "a").exists() == member


def test_one_array_is_read_or_mapped_and_one_that_is_damaged_goes(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6, dtype=np.float32).reshape(2, 3))
    assert read_array(path, "features").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert isinstance(read_array(path, "features", mapped=True), np.memmap)
    for damaged in (b"", b"\x93NUMPY", path.read_bytes()[:-1], path.read_bytes() + b"x", b"pickle"):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"features: expected a readable array; got .*a\.npy\)\. Do it again\."):
            read_array(path, "features", "Do it again.", kept=True)
        assert path.exists()
        with pytest.raises(StoreError):
            read_array(path, "features")
        assert not path.exists()
    np.save(path, np.array([{}], dtype=object))
    with pytest.raises(StoreError, match="allow_pickle"):
        read_array(path, "features")
    with pytest.raises(StoreError, match="No such file"):
        read_array(path, "features")


def test_what_is_read_inside_the_block_is_told_with_the_file(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3))

    def ask(name: str) -> int:
        with opened_arrays(tmp_path / "a.npz", "weights", "Again.", "those of it") as found:
            return len(found[name])

    assert ask("x") == 3
    with pytest.raises(StoreError, match=r"expected those of it; got .*y is not a file in the archive.*\. Again\."):
        ask("y")
    with pytest.raises(DataError, match=r"^ours$"), opened_arrays(tmp_path / "a.npz", "weights"):
        raise DataError("ours")


def test_a_whole_file_stays_where_memory_runs_out(tmp_path, monkeypatch):
    def run_out(*arguments, **settings):
        raise MemoryError

    np.save(tmp_path / "a.npy", np.zeros((3, 2), np.float32))
    with monkeypatch.context() as patched:
        patched.setattr(np, "load", run_out)
        with pytest.raises(StoreError, match="features: expected a readable array"):
            read_array(tmp_path / "a.npy", "features")
    assert read_array(tmp_path / "a.npy", "features").shape == (3, 2)
