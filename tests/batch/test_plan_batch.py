"""What a batch settles before anything runs: names, what is done already, what is refused."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from lightfuse.batch.manifest import Manifest
from lightfuse.batch.plan import BracketJob, NameSettings, plan_batch, plan_jobs
from lightfuse.brackets.exif_groups import Shot
from lightfuse.brackets.grouping import GroupedBracket
from lightfuse.errors import MissingExtraError, OutputError


def bracket(scene="hall", place=".", files=("a.jpg", "b.jpg")):
    return GroupedBracket(scene, Path(place), tuple(Shot(Path("in") / place / name) for name in files))


def outputs(brackets, **names):
    return [job.output.as_posix() for job in plan_jobs(brackets, Path("out"), NameSettings(**names))]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{scene}_fused", "hall_fused"),
        ("{first}-{last}", "a-c"),
        ("{number:03d} of {count}", "001 of 3"),
        ("hdr.{scene}", "hdr.hall"),
    ],
)
def test_result_names_follow_the_template(template, name):
    assert outputs([bracket(files=("a.jpg", "b.jpg", "c.jpg"))], template=template) == [f"out/{name}.jpg"]


def test_folders_are_mirrored_and_the_format_is_the_suffix():
    brackets = [bracket("a", "x/y"), bracket("b", "x"), bracket("c", "x")]
    assert outputs(brackets, template="{scene}{number}", suffix=".tif") == [
        "out/x/y/a1.tif",
        "out/x/b1.tif",
        "out/x/c2.tif",
    ]


def test_two_brackets_with_one_output_are_refused_with_both():
    with pytest.raises(OutputError) as refused:
        plan_jobs([bracket("hall", files=("a.jpg", "b.jpg")), bracket("hall", files=("c.jpg", "d.jpg"))], Path("out"))
    for said in ("out/hall_fused.jpg", "in/a.jpg", "in/c.jpg", "--name"):
        assert said in str(refused.value)


def test_extra_outputs_are_named_after_the_result():
    names = NameSettings(compare=True, hdr=".exr" if find_spec("OpenEXR") else ".hdr")
    (job,) = plan_jobs([bracket(place="x")], Path("out"), names)
    assert job.extra_outputs == (Path("out/x/hall_fused-compare.jpg"), Path(f"out/x/hall_fused-hdr{names.hdr}"))


@pytest.mark.parametrize(("names", "taken"), [({"compare": True}, "hall-compare"), ({"hdr": ".jpg"}, "hall-hdr")])
def test_a_result_named_like_an_extra_output_is_refused(names, taken):
    twins = [bracket("hall"), bracket(taken, files=("c.jpg", "d.jpg"))]
    assert len(outputs(twins, template="{scene}")) == 2
    with pytest.raises(OutputError, match=f"written to out/{taken}.jpg, that of in/a.jpg and that of in/c.jpg"):
        outputs(twins, template="{scene}", **names)


def test_a_sheet_that_would_replace_an_exposure_is_refused(tmp_path):
    exposures = GroupedBracket("a", Path(), tuple(Shot(tmp_path / name) for name in ("a.jpg", "a-compare.jpg")))
    with pytest.raises(OutputError, match=r"a-compare\.jpg is one of the exposures"):
        plan_jobs([exposures], tmp_path, NameSettings("{scene}", ".png", compare=True))


def test_missing_openexr_is_reported_before_anything_runs(monkeypatch):
    monkeypatch.setattr("lightfuse.errors.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"lightfuse\[exr\]"):
        NameSettings(hdr=".exr")


def test_one_name_in_two_folders_is_allowed():
    assert len(set(outputs([bracket(place="x"), bracket(place="y")]))) == 2


def test_names_that_differ_in_case_clash_on_macos(monkeypatch):
    twins = [bracket("Hall"), bracket("hall", files=("c.jpg", "d.jpg"))]
    assert len(outputs(twins)) == 2
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(OutputError, match="two brackets would be written"):
        outputs(twins)


def test_a_result_never_replaces_an_exposure(tmp_path):
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.touch()
    both = GroupedBracket("a", Path(), tuple(map(Shot, files)))
    with pytest.raises(OutputError, match=r"a\.jpg is one of the exposures"):
        plan_jobs([both], tmp_path, NameSettings("{scene}"))


@pytest.mark.parametrize(
    "template", ["", "{scene", "{}", "{0}", "{title}", "{scene.upper}", "{scene:d}", "a/{scene}", "{scene!x}"]
)
def test_a_malformed_template_is_refused(template):
    with pytest.raises(OutputError, match="is not a template for file names"):
        NameSettings(template)


def test_an_unknown_format_is_refused():
    with pytest.raises(OutputError, match="is not a picture suffix"):
        NameSettings(suffix=".gif")


def test_a_scene_name_cannot_leave_the_output_folder():
    with pytest.raises(OutputError, match="cannot be named"):
        outputs([bracket("../../etc/x")])


# ---- What is done already --------------------------------------------------------------------------------------------


@pytest.fixture
def done(tmp_path):
    """A manifest with one bracket done, its job, and a second job that is not."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    jobs = []
    for scene in ("one", "two"):
        files = tuple(source / f"{scene}{i}.jpg" for i in (1, 2))
        for file in files:
            file.write_bytes(b"picture")
        jobs.append(BracketJob(scene, files, out / f"{scene}.jpg"))
    manifest = Manifest(out, source)
    manifest.open()
    jobs[0].output.write_bytes(b"fused")
    record = {"scene": "one", "status": "done", "options": "abc", "inputs": manifest.describe(jobs[0].inputs)}
    manifest.add(record, jobs[0].output)
    return Manifest(out, source), jobs


def test_results_that_are_up_to_date_do_not_run(done):
    manifest, jobs = done
    plan = plan_batch(jobs, manifest, "abc")
    assert (plan.jobs, plan.unchanged, plan.existing) == ((jobs[1],), (jobs[0],), ())


def touch(path):
    os.utime(path, ns=(1, 1))


CHANGES = {
    "an exposure's time": lambda job: touch(job.inputs[1]),
    "an exposure's size": lambda job: job.inputs[1].write_bytes(b"another picture"),
    "the result's time": lambda job: touch(job.output),
    "the result's size": lambda job: job.output.write_bytes(b""),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_changed_files_are_out_of_date_and_replaced_only_if_asked(done, change):
    manifest, jobs = done
    change(jobs[0])
    with pytest.raises(
        OutputError, match=r"one\.jpg was made from other inputs or options; give --overwrite or --skip"
    ):
        plan_batch(jobs, manifest, "abc")
    assert plan_batch(jobs, manifest, "abc", overwrite=True).jobs == tuple(jobs)
    assert plan_batch(jobs, manifest, "abc", skip_existing=True).existing == (jobs[0],)


def test_other_options_make_it_out_of_date(done):
    manifest, jobs = done
    with pytest.raises(OutputError, match="other inputs or options"):
        plan_batch(jobs, manifest, "abd")


def test_a_deleted_result_is_made_again(done):
    manifest, jobs = done
    jobs[0].output.unlink()
    assert plan_batch(jobs, manifest, "abc").jobs == tuple(jobs)


def test_other_files_in_the_way_are_counted(done):
    manifest, jobs = done
    touch(jobs[0].output)
    jobs[1].output.write_text("dear to someone")
    with pytest.raises(OutputError, match="options, like 1 more"):
        plan_batch(jobs, manifest, "abc")
    jobs[0].output.unlink()
    with pytest.raises(OutputError, match=r"two\.jpg already exists; give"):
        plan_batch(jobs, manifest, "abc")


def test_overwriting_and_skipping_at_once_is_refused(done):
    with pytest.raises(OutputError, match="not both"):
        plan_batch(done[1], done[0], "abc", overwrite=True, skip_existing=True)
