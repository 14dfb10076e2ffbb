"""The form in which each farm's job takes a carrier, as that farm reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clientobs
from clientobs.errors import ConfigError
from clientobs.farms import deadline, opencue, openjd, tractor
from clientobs.farms.carriers import for_a_job, shortened
from clientobs.record.carrier import read_incoming

INTEGRATION = Path(__file__).parents[2] / "integrations" / "openjd" / "clientobs.environment.yaml"
CARRIER = {
    "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "TRACESTATE": "vendor=1,other=2",
    "BAGGAGE": "farm.job.id=of-the-submitter,production.project=demo,production.shot=sq010%20sh%3D20",
}
FOR_A_JOB = {**CARRIER, "BAGGAGE": "production.project=demo,production.shot=sq010%20sh%3D20"}


def test_a_carrier_of_clientobs_becomes_a_jobs_without_the_farm_of_the_submitter() -> None:
    clientobs.init("submitter")
    with clientobs.context(shot="sq 010, a=b"), clientobs.farm_task(job_id=7, frame=1):
        carried = for_a_job(clientobs.carrier())
        trace = clientobs.trace_id()
    clientobs.shutdown()
    incoming = read_incoming(carried, ("tracecontext", "baggage"))
    assert f"{incoming.trace_id:032x}" == trace
    assert incoming.production == {"production.shot": "sq 010, a=b"}


def test_an_empty_carrier_adds_nothing_to_a_job() -> None:
    assert deadline.job_info({}) == openjd.job_parameters({}) == {}
    assert tractor.envkey({}) == []
    assert opencue.specification({}) == "<env />"


def test_deadline_10_gets_environment_entries_behind_those_that_are_there() -> None:
    assert deadline.job_info(CARRIER, first=3) == {
        "EnvironmentKeyValue3": f"TRACEPARENT={FOR_A_JOB['TRACEPARENT']}",
        "EnvironmentKeyValue4": f"TRACESTATE={FOR_A_JOB['TRACESTATE']}",
        "EnvironmentKeyValue5": f"BAGGAGE={FOR_A_JOB['BAGGAGE']}",
    }


def test_tractors_handler_reads_back_what_was_put_into_one_key() -> None:
    # The loop of setenvhandler in TrEnvHandler.py: words at white space, name and value at the first equals sign.
    (key,) = tractor.envkey(CARRIER)
    first, *words = key.split()
    assert first == "setenv"
    assert {word.partition("=")[0]: word.partition("=")[2] for word in words} == FOR_A_JOB


def test_opencues_specification_and_outline_get_the_same_variables() -> None:
    element = ElementTree.fromstring(opencue.specification(CARRIER))
    assert {key.get("name"): key.text for key in element.findall("key")} == FOR_A_JOB

    class Outline:
        def __init__(self) -> None:
            self.env: dict[str, tuple[str, bool]] = {}

        def set_env(self, key: str, value: str, pre: bool = False) -> None:
            self.env[key] = (value, pre)

    outline = Outline()
    opencue.put_into(outline, CARRIER)
    assert outline.env == {key: (value, True) for key, value in FOR_A_JOB.items()}


def job_template(**more: Any) -> dict[str, Any]:
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "Render",
        "parameterDefinitions": openjd.parameter_definitions(),
        "jobEnvironments": [openjd.environment()],
        "steps": [{"name": "beauty", "script": {"actions": {"onRun": {"command": "render"}}}}],
        **more,
    }


def test_the_environment_for_queues_is_the_one_that_the_package_makes() -> None:
    model = pytest.importorskip("openjd.model", reason="openjd-model is not installed")
    yaml = pytest.importorskip("yaml", reason="comes with openjd-model")
    document = yaml.safe_load(INTEGRATION.read_text())
    assert model.decode_environment_template(template=document)
    assert document["parameterDefinitions"] == openjd.parameter_definitions()
    assert document["environment"] == openjd.environment()


def test_a_template_with_our_pieces_is_one_that_openjd_accepts_and_resolves() -> None:
    model = pytest.importorskip("openjd.model", reason="openjd-model is not installed")
    template = model.decode_job_template(template=job_template())
    for parameters in ({}, openjd.job_parameters(CARRIER)):
        values = model.preprocess_job_parameters(
            job_template=template,
            job_parameter_values=parameters,
            job_template_dir=Path("/"),
            current_working_dir=Path("/"),
        )
        job = model.create_job(job_template=template, job_parameter_values=values)
        assert {name: value.value for name, value in job.parameters.items() if value.value} == parameters


MEMBERS = st.lists(st.text(st.characters(exclude_characters=",", codec="ascii"), min_size=1), max_size=20)


@given(MEMBERS, st.integers(0, 99))
def test_a_shortened_carrier_keeps_whole_members_from_the_front(members: list[str], limit: int) -> None:
    kept = shortened(",".join(members), limit)
    assert len(kept) <= limit
    count = len(kept.split(",")) if kept else 0
    assert kept == ",".join(members[:count])
    assert count == len(members) or len(",".join(members[: count + 1])) > limit


def test_no_parameter_of_openjd_is_longer_than_its_schema_allows() -> None:
    long = ",".join(f"production.note{n}={'x' * 90}" for n in range(40))
    baggage = openjd.job_parameters({**CARRIER, "BAGGAGE": long})["TraceBaggage"]
    assert 900 < len(baggage) <= openjd.MOST_CHARACTERS
    assert long.startswith(baggage)


@pytest.mark.parametrize("value", ["k=v\nPlugin=CommandLine", "k=\udcff", "k=\0", "k=샷", 5, b"k=v"])
def test_a_value_that_no_carrier_has_stays_out_of_a_job(value: object) -> None:
    carrier: Any = {"TRACEPARENT": CARRIER["TRACEPARENT"], "BAGGAGE": value}
    assert for_a_job(carrier) == {"TRACEPARENT": CARRIER["TRACEPARENT"]}
    assert "Plugin" not in "".join(deadline.job_info(carrier, first=0).values())


@pytest.mark.parametrize("carrier", [None, 5, "TRACEPARENT=00", [("TRACEPARENT", "00")]])
def test_what_is_no_mapping_is_refused_in_words(carrier: Any) -> None:
    with pytest.raises(ConfigError, match=r"clientobs\.carrier\(\)"):
        openjd.job_parameters(carrier)
