"""How a fitted model becomes a folder and comes back: files, untrusted facts, and what every kind of model keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.stored._codec import CodecFacts as CodecFacts
    from punar.stored._codec import RowsFacts as RowsFacts
    from punar.stored._codec import read_codec as read_codec
    from punar.stored._codec import read_scaler as read_scaler
    from punar.stored._codec import refuse_table as refuse_table
    from punar.stored._codec import scaler_tensors as scaler_tensors
    from punar.stored._codec import stored_scaler as stored_scaler
    from punar.stored._facts import as_damage as as_damage
    from punar.stored._facts import convert as convert
    from punar.stored._folder import describable as describable
    from punar.stored._folder import load as load
    from punar.stored._folder import save as save
    from punar.stored._kept import MODULE as MODULE
    from punar.stored._kept import Record as Record
    from punar.stored._kept import module_tensors as module_tensors
    from punar.stored._kept import own_tensors as own_tensors
    from punar.stored._kept import read_part as read_part
    from punar.stored._kept import read_record as read_record
    from punar.stored._kept import read_task as read_task
    from punar.stored._kept import record_facts as record_facts
    from punar.stored._kept import task_facts as task_facts
    from punar.stored._model_folder import write_folder as write_folder
    from punar.stored._preparation import PART as PART
    from punar.stored._preparation import check_steps as check_steps
    from punar.stored._preparation import is_own as is_own
    from punar.stored._preparation import preparation_facts as preparation_facts
    from punar.stored._preparation import read_preparation as read_preparation
    from punar.stored._reading import FORMAT as FORMAT
    from punar.stored._reading import is_saved as is_saved
    from punar.stored._reading import read_folder as read_folder
    from punar.stored._text import with_text as with_text
    from punar.stored._text import without_text as without_text

_HOME = {
    "FORMAT": "_reading",
    "MODULE": "_kept",
    "PART": "_preparation",
    "CodecFacts": "_codec",
    "Record": "_kept",
    "RowsFacts": "_codec",
    "as_damage": "_facts",
    "check_steps": "_preparation",
    "convert": "_facts",
    "describable": "_folder",
    "is_own": "_preparation",
    "is_saved": "_reading",
    "load": "_folder",
    "module_tensors": "_kept",
    "own_tensors": "_kept",
    "preparation_facts": "_preparation",
    "read_codec": "_codec",
    "read_folder": "_reading",
    "read_part": "_kept",
    "read_preparation": "_preparation",
    "read_record": "_kept",
    "read_scaler": "_codec",
    "read_task": "_kept",
    "record_facts": "_kept",
    "refuse_table": "_codec",
    "save": "_folder",
    "scaler_tensors": "_codec",
    "stored_scaler": "_codec",
    "task_facts": "_kept",
    "with_text": "_text",
    "without_text": "_text",
    "write_folder": "_model_folder",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
