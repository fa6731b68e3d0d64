"""The emulator's process with a state that outlives it, streams included; run by `python -m`."""

from collections.abc import Mapping
from typing import Any

from careconnect_admin.local.emulator.process import serve


def keep_streams() -> None:
    """Make the emulator save the records of its streams: it saves a consumer's position in them only."""
    from ministack.services import dynamodb

    save, restore = dynamodb.get_state, dynamodb.load_persisted_state
    of_streams = {"stream_records": dynamodb._stream_records, "stream_trimmed": dynamodb._stream_trimmed}

    def save_all() -> dict[str, Any]:
        return {**save(), **of_streams}

    def restore_all(state: Mapping[str, Any]) -> None:
        restore(state)
        for name, kept in of_streams.items():
            kept.update(state.get(name, {}))

    dynamodb.get_state = save_all
    dynamodb.load_persisted_state = restore_all


if __name__ == "__main__":
    keep_streams()
    serve()
