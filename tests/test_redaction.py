"""What the record of a configuration keeps to itself."""

from __future__ import annotations

from pathlib import Path

from agent.trajectory.redaction import redacted


def test_the_record_of_the_configuration_keeps_secrets_and_places_to_itself() -> None:
    home, folder = Path("/home/ada"), Path("/home/ada/work")
    config = {
        "api_key": "sk-verysecretindeed",
        "keys": {"GITHUB_TOKEN": "ghp_verysecretindeed"},
        "proxies": {"https": "http://ada:pw@proxy.corp.example:3128", "no": "corp.example"},
        "index_url": "https://mirror.corp.example/simple",
        "base_url": "https://ada:pw@models.example/v1",
        "note": "uses sk-verysecretindeed1",
        "max_tokens": 1000,
        "unset_key": None,
        "out": folder / "runs",
        "model": "local:/home/ada/models/a.gguf",
        "log": "/home/ada/work/log and /home/adam",
        "data": Path("/home/eve/data"),
        "home": home,
        "flags": ["-o", "/home/ada/work"],
    }
    shown = redacted(config, home=home, folder=folder)
    assert shown == {
        "api_key": "[redacted]",
        "keys": {"GITHUB_TOKEN": "[redacted]"},
        "proxies": {"https": "http://[redacted]", "no": "[redacted]"},
        "index_url": "https://[redacted]/simple",
        "base_url": "https://[redacted]@models.example/v1",
        "note": "uses [redacted]",
        "max_tokens": 1000,
        "unset_key": None,
        "out": "runs",
        "model": "local:~/models/a.gguf",
        "log": "./log and /home/adam",
        "data": "../../eve/data",
        "home": "~",
        "flags": ["-o", "."],
    }
