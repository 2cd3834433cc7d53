"""Images read, refused, written, and cut; what a file on disk holds is built here pixel by pixel."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from miecsim.errors import InputError
from miecsim.microstructure.images import coarsen, crop, mirrored, read_image, section, tiled, write_image
from miecsim.microstructure.structure import Microstructure

NAMES = {"void": 0, "active": (128, 129), "solid": 255}


def random_structure(shape=(7, 5, 4), seed=3, periodic=()):
    labels = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    voxel = (1.3e-7, 2.1e-7, 0.7e-7)[: len(shape)]
    return Microstructure(labels, voxel, ("void", "active", "solid"), periodic)


def save(path, *frames, **more):
    images = [Image.fromarray(np.array(f, dtype=np.uint8)) for f in frames]
    images[0].save(path, **({"save_all": True, "append_images": images[1:]} if len(images) > 1 else {}), **more)
    return path


def refused(path, *args, **kwargs):
    with pytest.raises(InputError) as e:
        read_image(path, 1e-6, *args, **kwargs)
    (line,) = str(e.value).splitlines()
    assert line.startswith(str(path))
    return line.removeprefix(f"{path}: ")


def test_columns_are_x_and_rows_count_from_the_top(tmp_path):
    path = save(tmp_path / "a.png", [[0, 128, 129], [255, 0, 0]])
    s = read_image(path, 2e-6, NAMES)
    assert s.shape == (3, 2) and s.voxel == (2e-6, 2e-6) and s.names == ("void", "active", "solid")
    assert s.labels[:, 1].tolist() == [0, 1, 1]  # the upper row
    assert s.labels[:, 0].tolist() == [2, 0, 0]


@pytest.mark.parametrize(
    "through, axes, voxel", [("x", (0, 1, 2), (1, 2, 3)), ("y", (1, 0, 2), (2, 1, 3)), ("z", (2, 0, 1), (3, 1, 2))]
)
def test_any_axis_can_lead_through(tmp_path, through, axes, voxel):
    s = random_structure()
    greys = write_image(s, tmp_path / "a.tif")
    turned = read_image(tmp_path / "a.tif", (1, 2, 3), greys, through, periodic=(1,))
    assert np.array_equal(turned.labels, s.labels.transpose(axes)) and turned.voxel == voxel and turned.periodic == (1,)
    back = read_image(tmp_path / "a.tif", (1, 2, 3), greys, f"-{through}")
    assert np.array_equal(back.labels, turned.labels[::-1])


@pytest.mark.parametrize(
    "name, shape", [("a.png", (7, 5)), ("a.tif", (7, 5)), ("a.TIFF", (7, 5, 4)), ("a.npy", (7, 5, 4))]
)
def test_what_is_written_is_read_again(tmp_path, name, shape):
    s = random_structure(shape)
    greys = write_image(s, tmp_path / name)
    back = read_image(tmp_path / name, s.voxel, greys)
    assert np.array_equal(back.labels, s.labels) and back.voxel == s.voxel and back.names == s.names


def test_arrays_in_archives(tmp_path):
    s = random_structure()
    np.savez(tmp_path / "one.npz", s.labels)
    np.savez(tmp_path / "two.npz", other=s.labels * 0, labels=s.labels.astype(np.int32) - 70_000)
    np.savez(tmp_path / "none.npz", first=s.labels, second=s.labels)
    own = {"void": 0, "active": 1, "solid": 2}
    assert np.array_equal(read_image(tmp_path / "one.npz", s.voxel, own).labels, s.labels)
    shifted = {"void": -70_000, "active": -69_999, "solid": -69_998}
    assert np.array_equal(read_image(tmp_path / "two.npz", s.voxel, shifted).labels, s.labels)
    assert refused(tmp_path / "none.npz", own) == "read the arrays first, second; expected one, or labels"


def test_values_far_apart(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[5, 900_000], [900_000, -3]]))
    assert read_image(tmp_path / "a.npy", 1.0, {"a": (5, -3), "b": 900_000}).labels.tolist() == [[0, 1], [1, 0]]


def test_sixteen_bits_one_bit_and_palettes(tmp_path):
    deep = np.array([[0, 40_000], [300, 300]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.tif")
    assert read_image(tmp_path / "deep.tif", 1.0, {"a": (0, 300), "b": 40_000}).labels.tolist() == [[0, 0], [0, 1]]
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bit.png")
    assert read_image(tmp_path / "bit.png", 1.0, {"a": 0, "b": (1, 255)}).labels.tolist() == [[1], [0]]
    palette = Image.fromarray(np.array([[2, 0, 1]], dtype=np.uint8), mode=None)
    palette = palette.convert("P")
    palette.putpalette([10, 200, 30, 90, 90, 9, 0, 0, 250])
    palette.save(tmp_path / "coloured.png")
    assert read_image(tmp_path / "coloured.png", 1.0, {"a": 0, "b": 1, "c": 2}).labels.ravel().tolist() == [2, 0, 1]


def test_grey_values_that_no_phase_claims(tmp_path):
    path = save(tmp_path / "a.png", [[0, 127, 129, 255], [0, 255, 255, 127]])
    assert refused(path, NAMES) == (
        "read the grey value 127 (25 %), which no phase claims; claimed: 0 void, 128 active, 129 active, 255 solid "
        '(nearest to 127: 128, "active")'
    )
    many = save(tmp_path / "b.png", np.arange(100).reshape(10, 10))
    line = refused(many, {"void": range(50)})
    assert "50 (1 %), 51 (1 %), 52 (1 %), 53 (1 %) and 46 more (46 %)" in line and '49, "void"' in line
    assert "no phase claims any" in refused(path, {})
    assert refused(path, {"a": 0, "b": (5, 0)}) == 'the grey value 0 is claimed by "a" and by "b"'


def test_colours_are_refused(tmp_path):
    Image.new("RGB", (4, 3), (9, 200, 9)).save(tmp_path / "a.png")
    Image.new("LA", (4, 3)).save(tmp_path / "b.png")
    assert "pixels of kind RGB; expected one whole number per pixel" in refused(tmp_path / "a.png", NAMES)
    assert "pixels of kind LA" in refused(tmp_path / "b.png", NAMES)
    Image.fromarray(np.ones((3, 3), dtype=np.float32)).save(tmp_path / "c.tif")
    assert "pixels of kind F" in refused(tmp_path / "c.tif", NAMES)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "b.tif", "a.npy", "a.npz"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_truncated_files(tmp_path, name, share):
    s = random_structure((60, 50, 6) if name != "a.png" else (60, 50))
    path = tmp_path / name
    if name == "a.npz":
        np.savez_compressed(path, s.labels)
    elif name == "b.tif":  # without compression
        save(path, *np.moveaxis(s.labels, 2, 0))
    else:
        write_image(s, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "can" in refused(path, {"void": (0, 127, 255, 1, 2)})


def test_stacks_that_hold_fewer_images_than_they_say(tmp_path):
    frame = np.zeros((3, 4), dtype=np.uint8)
    imagej = "ImageJ=1.53c\nimages=7\nslices=7\nloop=false\n"
    line = refused(save(tmp_path / "a.tif", frame, frame, description=imagej), NAMES)
    assert line.startswith("its description speaks of 7 images, 2 can be read; save the stack anew")
    one = save(tmp_path / "b.tif", frame, description='{"shape": [5, 3, 4]}')
    assert refused(one, NAMES).startswith("its description speaks of 5 images, 1 can be read")
    channels = save(tmp_path / "c.tif", frame, frame, description="ImageJ=1.53c\nimages=2\nchannels=2\n")
    assert refused(channels, NAMES) == "read an ImageJ stack of 2 channels; expected one"
    good = save(tmp_path / "d.tif", *[frame] * 7, description=imagej)
    assert read_image(good, 1.0, NAMES).shape == (4, 3, 7)
    odd = save(tmp_path / "e.tif", frame, frame, description='{"shape": "unknown"}')
    assert read_image(odd, 1.0, NAMES).shape == (4, 3, 2)


def test_frames_of_two_sizes(tmp_path):
    path = save(tmp_path / "a.tif", np.zeros((3, 4)), np.zeros((2, 5)))
    assert refused(path, NAMES) == "read frames of 4 x 3, 5 x 2 pixels; the frames of a stack are all of one size"


def test_a_picture_too_large_to_be_true(tmp_path):
    path = tmp_path / "bomb.png"
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        PngImagePlugin.putchunk(file, b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0))
        PngImagePlugin.putchunk(file, b"IDAT", b"")
    assert refused(path, NAMES).startswith("this is no image that can be read (Image size")


def test_files_of_other_kinds(tmp_path):
    assert refused(tmp_path / "a.jpg", NAMES) == ('read the file type ".jpg"; allowed: .png, .tif, .tiff, .npy, .npz')
    assert refused(tmp_path / "a.png", NAMES) == "there is no such file"
    np.save(tmp_path / "a.npy", np.ones((3, 3)))
    assert refused(tmp_path / "a.npy", NAMES).startswith("read 3 x 3 values of type float64; expected whole numbers")
    np.save(tmp_path / "b.npy", np.array([{}]), allow_pickle=True)
    assert "no NumPy file" in refused(tmp_path / "b.npy", NAMES)
    path = save(tmp_path / "b.png", [[0, 0]])
    assert refused(path, NAMES, through="z") == 'read through = "z"; the axes of the image are x, y'
    with pytest.raises(InputError, match="read 3 voxel edges; the image has 2 axes"):
        read_image(path, (1.0, 1.0, 1.0), NAMES)


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r'asked for ".png" of a picture in 3 dimensions; allowed: .npy, .tif$'):
        write_image(random_structure(), tmp_path / "a.png")
    with pytest.raises(InputError, match=r"allowed: .npy, .tif, .png$"):
        write_image(random_structure((3, 3)), tmp_path / "a.bmp")


def test_a_crop_is_periodic_only_where_it_is_whole():
    s = random_structure(periodic=(0, 2))
    cut = crop(s, (2, 6), None, (0, 4))
    assert np.array_equal(cut.labels, s.labels[2:6]) and cut.periodic == (2,) and cut.voxel == s.voxel
    for wrong in ((2, 2), (-1, 3), (0, 8)):
        with pytest.raises(InputError, match="expected 0 <= start < stop <= 7"):
            crop(s, wrong, None, None)
    with pytest.raises(InputError, match="read 1 ranges"):
        crop(s, (0, 1))


def test_a_coarser_picture_by_majority():
    s = Microstructure(np.array([[0, 0, 1, 2], [1, 0, 1, 2]], dtype=np.uint8), (1.0, 3.0), ("a", "b", "c"), (1,))
    out, change = coarsen(s, 2)
    assert out.labels.tolist() == [[0, 1]]  # three to one; then a tie that goes to the lowest corner
    assert out.voxel == (2.0, 6.0) and out.periodic == (1,)
    assert change == {"a": 1 / 2 - 3 / 8, "b": 1 / 2 - 3 / 8, "c": -2 / 8}
    assert coarsen(s, (1, 4)).structure.labels.tolist() == [[0], [1]]
    with pytest.raises(InputError, match="read the factor 3; expected whole numbers that divide 2 x 4"):
        coarsen(s, 3)


def test_ties_favour_no_phase():
    labels = np.random.default_rng(8).integers(0, 2, (400, 400)).astype(np.uint8)
    change = coarsen(Microstructure(labels, (1.0, 1.0), ("a", "b")), 2).change
    assert abs(change["a"]) < 0.01  # 3/8 of the blocks are ties: a rule by number would shift 0.19


def test_a_large_block_by_hand():
    s = random_structure((12, 9, 4), seed=5)
    out = coarsen(s, (4, 3, 2)).structure
    for v in np.ndindex(out.shape):
        block = s.labels[4 * v[0] : 4 * v[0] + 4, 3 * v[1] : 3 * v[1] + 3, 2 * v[2] : 2 * v[2] + 2].ravel()
        counts = np.bincount(block, minlength=3)
        assert out.labels[v] == next(label for label in block if counts[label] == counts.max())


def test_mirrored_tiled_and_sections():
    s = random_structure(periodic=(2,))
    twice = mirrored(s, 1)
    assert twice.shape == (7, 10, 4) and twice.periodic == (1, 2)
    assert np.array_equal(twice.labels[:, 5:], s.labels[:, ::-1]) and np.array_equal(twice.labels[:, :5], s.labels)
    assert np.array_equal(tiled(s, (1, 2, 3)).labels[:, 5:, 8:], s.labels)
    cut = section(s, 1, 3)
    assert np.array_equal(cut.labels, s.labels[:, 3]) and cut.voxel == (1.3e-7, 0.7e-7) and cut.periodic == (1,)
    with pytest.raises(InputError, match="read layer 5 along y; expected 0 to 4"):
        section(s, 1, 5)
    with pytest.raises(InputError, match="mirrored: read axis 3"):
        mirrored(s, 3)
    with pytest.raises(InputError, match="expected 3 whole numbers"):
        tiled(s, (1, 0, 1))


@pytest.mark.parametrize(
    "name, greys, shape, fractions",
    [
        ("taufactor/electrode.tiff", {"pore": 0, "NMC": 85, "CBD": 170}, (256,) * 3, (0.4499, 0.4005, 0.1496)),
        ("SuperRes/SEM_hr_input.tif", {"a": 0, "b": 1, "c": 2}, (427, 427), (0.100, 0.666, 0.234)),
        ("SuperRes/SOFC_lr_input.tif", {"a": 0, "b": 1, "c": 2}, (62,) * 3, (0.355, 0.341, 0.305)),
    ],
)
def test_published_images(data_dir, name, greys, shape, fractions):
    s = read_image(data_dir / "micro" / name, 1e-7, greys)
    assert s.shape == shape
    assert np.allclose([s.fraction(phase) for phase in greys], fractions, atol=6e-4)
