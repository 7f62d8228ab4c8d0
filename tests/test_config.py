from pathlib import Path

import pytest

from agent.config import Config, read
from agent.errors import UserError


def config(folder: Path, flags: dict[str, object] | None = None, **environ: str) -> Config:
    return read(flags or {}, {"HOME": str(folder), **environ}, folder)


def test_later_sources_win_and_origins_are_told(tmp_path: Path) -> None:
    (tmp_path / "repair-agent.toml").write_text("attempts = 2\nmax_steps = 10\n")
    found = config(
        tmp_path, {"max_steps": 5, "seed": None}, REPAIR_AGENT_MAX_STEPS="7", REPAIR_AGENT_SEED="3"
    )
    assert (found.attempts, found.max_steps, found.seed, found.temperature) == (2, 5, 3, 0.0)
    assert found.origins["max_steps"] == "an option"
    assert found.origins["seed"] == "the environment"
    assert found.origins["attempts"].endswith("repair-agent.toml")
    assert "temperature" not in found.origins


@pytest.mark.parametrize(
    "name", ["model", "base_url", "image", "sandbox", "index_url", "keys", "github_api"]
)
def test_a_file_beside_a_repository_may_not_choose_where_things_go(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "repair-agent.toml").write_text(f'{name} = "x"\n')
    with pytest.raises(UserError, match=f"sets {name}, which a file beside a repository may not"):
        config(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attempts", 0),
        ("attempts", "many"),
        ("max_steps", -1),
        ("time_limit", 0),
        ("memory_gb", "inf"),
        ("temperature", 3),
        ("temperature", "nan"),
        ("planner", "magic"),
        ("sandbox", "chroot"),
        ("max_usd", "cheap"),
    ],
)
def test_a_wrong_value_is_named_with_its_source(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(UserError) as error:
        config(tmp_path, {name: value})
    assert "an option" in error.value.message
    assert name in error.value.message


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("attempts", 0, "at least 1"),
        ("max_tokens", 0, "at least 1"),
        ("time_limit", "inf", "a number above 0"),
        ("cpus", "nan", "a number above 0"),
        ("temperature", -1, "0 to 2"),
    ],
)
def test_a_number_out_of_its_bounds_is_told_them(
    tmp_path: Path, name: str, value: object, reason: str
) -> None:
    with pytest.raises(UserError, match=f"sets {name} to .*: it must be {reason}"):
        config(tmp_path, {name: value})


def test_an_unknown_setting_and_a_broken_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no setting"):
        config(tmp_path, REPAIR_AGENT_COLOUR="red")
    (tmp_path / "repair-agent.toml").write_text("attempts = = 2")
    with pytest.raises(UserError, match=r"cannot read .*repair-agent\.toml"):
        config(tmp_path)


def test_secrets_and_hosts_are_not_shown(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        OPENAI_API_KEY="sk-secret",
        HTTPS_PROXY="http://proxy:1",
        PIP_INDEX_URL="https://i",
    )
    assert found.keys == {"OPENAI_API_KEY": "sk-secret"}
    assert found.proxies == {"https_proxy": "http://proxy:1"}
    shown = repr(found.shown())
    assert not any(word in shown for word in ("sk-secret", "proxy:1", "https://i"))
    assert "sk-secret" not in repr(found)


def test_a_key_lying_in_the_environment_selects_no_model(tmp_path: Path) -> None:
    assert config(tmp_path, OPENAI_API_KEY="sk-secret").model == "local"
