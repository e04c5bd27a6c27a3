"""Hard samples are stored on this machine: limited, without duplicates, for people to label."""

from __future__ import annotations

from dataclasses import replace as replaced
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from edge_daemon.cli.main import cli
from edge_daemon.domain import Grey
from edge_daemon.errors import SampleError
from edge_daemon.images import crop_number
from edge_daemon.on_device.samples import IN_MEMORY, Sample, SampleOptions, Samples, find_samples, open_samples
from tests.support.pictures.paper import page

SIZE = 100_000


def crop(text: str, seed: int = 0) -> Grey:
    return page([(text, 12, 12)], size=(150, 70), seed=seed)


def sample(pixels: Grey, at: float = 5.0, text: str = "42", label: str | None = None) -> Sample:
    picture = cv2.imencode(".png", pixels)[1].tobytes()
    return Sample(at, "tank", "unsure", [(text, 0.7), ("47", 0.2)], [], "d@1", picture, label)


def filled(folder: Path, texts: list[str], count: int = 100, size: int = SIZE) -> Samples:
    samples = Samples(folder, count, size)
    for i, text in enumerate(texts):
        samples.add(sample(crop(text, i), float(i + 1), text), crop(text, i))
    return samples


def test_a_sample_comes_back_as_it_was(tmp_path: Path) -> None:
    """Picture, candidates and reason, without a label."""
    samples = filled(tmp_path, ["42"])
    [(_, kept)] = samples.all()
    assert (kept.why, kept.candidates[0], kept.label) == ("unsure", ("42", 0.7), None)
    assert np.array_equal(kept.pixels, crop("42"))


def test_a_digit_that_was_left_out_can_be_seen() -> None:
    """Of 4207 only 207 was read: the cut-out shows the 4 as well. At the border of a picture it ends there."""
    pixels = page([("4207", 60, 60)], size=(260, 160))
    inked = np.flatnonzero((pixels < 130).any(axis=0))
    starts = [int(x) for x, before in zip(inked[1:], inked[:-1], strict=True) if x > before + 1]
    box = starts[0], 60, int(inked[-1]) - starts[0], 40
    part, (left, _, width, _) = crop_number(pixels, box)
    assert left < inked[0]
    assert part.shape[1] == width
    assert crop_number(pixels, (2, 60, 250, 40))[1][::2] == (0, 260)


def test_the_oldest_go_first(tmp_path: Path) -> None:
    """At most max_count are stored: the newest."""
    samples = filled(tmp_path, ["11", "22", "33", "44"], count=3)
    assert [s.candidates[0][0] for _, s in samples.all()] == ["22", "33", "44"]


def test_their_bytes_are_capped(tmp_path: Path) -> None:
    """The folder has at most max_size bytes, whatever the count is."""
    samples = filled(tmp_path, ["11", "22", "33", "44"], size=4_000)
    assert 0 < sum(path.stat().st_size for path in samples.paths()) <= 4_000
    assert len(samples.paths()) < 4


def test_labelled_ones_go_last(tmp_path: Path) -> None:
    """Labelled samples are removed after all others."""
    samples = filled(tmp_path, ["11", "22"], count=3)
    [(oldest, _), _] = samples.all()
    samples.label(oldest, "17")
    for i, text in enumerate(["33", "44"], 10):
        samples.add(sample(crop(text, i), float(i), text), crop(text, i))
    assert {s.label for _, s in samples.all()} == {"17", None}
    assert len(samples.paths()) == 3


def test_similar_crops_are_stored_once(tmp_path: Path) -> None:
    """A little noise makes no new sample; another number, or another text, does."""
    samples = filled(tmp_path, ["42"])
    noisy = np.clip(crop("42") + np.random.default_rng(1).normal(0, 2, (70, 150)), 0, 255).astype(np.uint8)
    assert not samples.add(sample(noisy, 9.0), noisy)
    assert samples.add(sample(noisy, 9.0, "47"), noisy)
    assert samples.add(sample(crop("98", 3), 9.0), crop("98", 3))


def test_set_value_labels_an_existing_sample(tmp_path: Path) -> None:
    """`set_value` for a number with a sample: it gets the label, and there is no second sample."""
    samples = filled(tmp_path, ["42"])
    assert not samples.add(sample(crop("42"), 9.0, label="43"), crop("42"))
    assert [s.label for _, s in samples.all()] == ["43"]


def test_labels_are_set_and_removed(tmp_path: Path) -> None:
    """A labelled sample is no longer among the unlabelled; without its label it is again."""
    samples = filled(tmp_path, ["42"])
    [(name, _)] = samples.all(labelled=False)
    samples.label(name, "")
    assert [s.label for _, s in samples.all(labelled=True)] == [""]
    assert not samples.paths(labelled=False)
    samples.label(name, None)
    assert samples.paths(labelled=False)
    with pytest.raises(SampleError, match="newer ones"):
        samples.label("0", "1")


def test_damage_costs_the_damaged_one_only(tmp_path: Path) -> None:
    """A truncated or foreign file is left out; new samples are still stored."""
    samples = filled(tmp_path, ["42", "17"])
    path = samples.paths()[0]
    path.write_bytes(path.read_bytes()[:50])
    (tmp_path / "x.json").write_text("{}")
    assert [s.candidates[0][0] for _, s in samples.all()] == ["17"]
    assert samples.add(sample(crop("42"), 9.0), crop("42"))


def test_where_the_disk_cannot_be_written_memory_is_used(tmp_path: Path) -> None:
    """On a read-only system samples are in the runtime folder, limited; `find_samples` finds them there."""
    (tmp_path / "state").write_text("no folder")
    samples = open_samples(tmp_path / "state", tmp_path / "run", SampleOptions())
    samples.add(sample(crop("42")), crop("42"))
    found = find_samples(tmp_path / "state", [tmp_path / "run"])
    assert found.folder == tmp_path / "run" / "samples"
    assert samples._max_bytes == IN_MEMORY


def test_where_nothing_can_be_written_the_daemon_goes_on(tmp_path: Path) -> None:
    """Neither folder: nothing is stored, nothing raises."""
    (tmp_path / "file").write_text("")
    samples = open_samples(tmp_path / "file", tmp_path / "file", SampleOptions())
    assert not samples.add(sample(crop("42")), crop("42"))


def test_none_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    """`max_count = 0` disables samples."""
    samples = open_samples(tmp_path, tmp_path, replaced(SampleOptions(), max_count=0))
    assert not samples.add(sample(crop("42")), crop("42"))
    assert not samples.paths()


def test_other_users_have_no_access(tmp_path: Path) -> None:
    """Only the daemon's user and group can access folder and files."""
    samples = open_samples(tmp_path, tmp_path, SampleOptions())
    samples.add(sample(crop("42")), crop("42"))
    assert samples.folder.stat().st_mode & 0o777 == 0o770
    assert samples.paths()[0].stat().st_mode & 0o007 == 0


def test_a_planted_folder_is_not_used(tmp_path: Path) -> None:
    """A link in place of the folder: what it leads to keeps its mode and gets no file; samples go elsewhere."""
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "state").mkdir()
    (tmp_path / "state/samples").symlink_to(elsewhere)
    samples = open_samples(tmp_path / "state", tmp_path / "run", SampleOptions())
    assert samples.add(sample(crop("42")), crop("42"))
    assert samples.folder == tmp_path / "run/samples"
    assert (elsewhere.stat().st_mode & 0o777, [*elsewhere.iterdir()]) == (0o700, [])


def test_the_commands_list_and_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each, also for programs; `clear` asks first, and removes all."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    filled(tmp_path / "samples", []).folder.mkdir()
    samples = filled(tmp_path / "samples", ["42", "17"])
    samples.label(samples.paths()[0].name.split(".")[0], "43")
    said = CliRunner().invoke(cli, ["samples", "list"]).stdout.splitlines()
    assert "tank  unsure        42 70%, 47 20%  -> 43" in said[0]
    told = CliRunner().invoke(cli, ["samples", "list", "--json"]).stdout.splitlines()
    assert msgspec.json.decode(told[1])["candidates"][0] == ["17", 0.7]
    CliRunner().invoke(cli, ["samples", "clear"], input="n\n")
    assert len(samples.paths()) == 2
    assert "2 samples are deleted" in CliRunner().invoke(cli, ["samples", "clear", "--yes"]).stdout
    assert not samples.paths()
