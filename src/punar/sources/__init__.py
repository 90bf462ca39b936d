"""What a person names on the command line -> data: one file per format. The contract is in ``_source.py``.

Three readers interpret what a source finds: :func:`read_data` (rows and pictures, for autoencoders),
:func:`read_items` (items, for pretrained networks) and :func:`read_sequences` (for recurrent networks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.sources._apart import lists_of as lists_of
    from punar.sources._asked import STRUCTURED as STRUCTURED
    from punar.sources._data import read_data as read_data
    from punar.sources._data import read_table as read_table
    from punar.sources._found import Found as Found
    from punar.sources._found import FoundArrays as FoundArrays
    from punar.sources._found import FoundFiles as FoundFiles
    from punar.sources._found import FoundItems as FoundItems
    from punar.sources._found import FoundTable as FoundTable
    from punar.sources._groups import read_groups as read_groups
    from punar.sources._held_out import check_held_out as check_held_out
    from punar.sources._held_out import check_lists as check_lists
    from punar.sources._items import holds_items as holds_items
    from punar.sources._items import read_items as read_items
    from punar.sources._kinds import ITEM_KINDS as ITEM_KINDS
    from punar.sources._kinds import kind_of as kind_of
    from punar.sources._labels import TASK_OF as TASK_OF
    from punar.sources._labels import form_for as form_for
    from punar.sources._memory import available_bytes as available_bytes
    from punar.sources._memory import size_text as size_text
    from punar.sources._readable import leave_out_unreadable as leave_out_unreadable
    from punar.sources._readable import said as said
    from punar.sources._readable import unreadable as unreadable
    from punar.sources._sequences import SEQUENCE_KINDS as SEQUENCE_KINDS
    from punar.sources._sequences import read_sequences as read_sequences
    from punar.sources._sequences import rows_are_series as rows_are_series
    from punar.sources._source import Request as Request
    from punar.sources._source import Source as Source
    from punar.sources._splits import splits_of as splits_of
    from punar.sources._userdata import UserData as UserData
    from punar.sources._userdata import UserItems as UserItems
    from punar.sources._userdata import UserSequences as UserSequences

_HOME = {
    "Found": "_found",
    "FoundArrays": "_found",
    "FoundFiles": "_found",
    "FoundItems": "_found",
    "FoundTable": "_found",
    "ITEM_KINDS": "_kinds",
    "Request": "_source",
    "SEQUENCE_KINDS": "_sequences",
    "STRUCTURED": "_asked",
    "Source": "_source",
    "TASK_OF": "_labels",
    "UserData": "_userdata",
    "UserItems": "_userdata",
    "UserSequences": "_userdata",
    "available_bytes": "_memory",
    "check_held_out": "_held_out",
    "check_lists": "_held_out",
    "form_for": "_labels",
    "holds_items": "_items",
    "kind_of": "_kinds",
    "lists_of": "_apart",
    "leave_out_unreadable": "_readable",
    "read_data": "_data",
    "read_groups": "_groups",
    "read_items": "_items",
    "read_sequences": "_sequences",
    "read_table": "_data",
    "rows_are_series": "_sequences",
    "said": "_readable",
    "size_text": "_memory",
    "splits_of": "_splits",
    "unreadable": "_readable",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
