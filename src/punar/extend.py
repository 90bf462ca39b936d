"""The contracts, for people who write parts of their own.

Of each kind here is the class to derive from, and what its methods take and return:

- :class:`Objective` and :class:`Network` of an autoencoder, whose module is an :class:`AutoencoderModule`;
- :class:`Cell` of a recurrent network, whose layers are a :class:`Stack`;
- :class:`Task`, or shorter :class:`VectorTask`: :class:`Targets`, :class:`Term`, :class:`LinearHead`, :class:`Meter`,
  :class:`RowsMeter` and :class:`Table`;
- :class:`Preparation`: :class:`Sample`, ``Batch`` and :class:`BadItem`;
- :class:`Backbone`: :class:`Plan`, :class:`Stage`, :class:`View` and :class:`Tokens`;
- :class:`Source`: :class:`Request`, :class:`FoundTable`, :class:`FoundArrays`, :class:`FoundFiles`,
  :class:`FoundItems`.

``check_params`` and the rules :func:`number`, :func:`integer`, :func:`one_of` and so on check settings.

A part is a recipe: settings only, stored by ``__init__`` and checked by ``check``. Pass the object where a
name would go, ``punar.Autoencoder(objective=LogCosh(scale=2.0))``, and name the class when loading a saved
model, ``punar.load(folder, parts=[LogCosh])``. An objective of one's own:

>>> import torch
>>> from punar.extend import AutoencoderModule, Objective, check_params, number
>>> class LogCosh(Objective):
...     '''Squared for small errors, absolute for large ones.'''
...
...     def __init__(self, scale=1.0):
...         self.scale = scale
...
...     def check(self):
...         check_params(self, {"scale": number(0, open_low=True)})
...
...     def losses(self, net, batch, *, progress, generator):
...         error = (net.decoder(net.encoder(batch)) - batch).abs() / self.scale
...         return {"log_cosh": torch.logaddexp(error, -error).mean() - torch.tensor(2.0).log()}
...
...     def encode(self, net, batch):
...         return net.encoder(batch)
...
...     def decode(self, net, code):
...         return net.decoder(code)

Its losses on a network that already reproduces its rows, and a wrong setting:

>>> net = AutoencoderModule(torch.nn.Identity(), torch.nn.Identity(), torch.nn.Module())
>>> LogCosh().losses(net, torch.ones(3, 4), progress=0.0, generator=torch.Generator())
{'log_cosh': tensor(0.)}
>>> LogCosh(scale=0).check()
Traceback (most recent call last):
    ...
punar.errors.ParameterError: LogCosh: scale must be a number > 0, got 0.
"""

from __future__ import annotations

from punar.backbones import Backbone, Plan, Stage, Tokens, View
from punar.cells import Cell, Stack
from punar.core.params import (
    Rule,
    boolean,
    check_params,
    either,
    instance,
    integer,
    none,
    number,
    one_of,
    random_state,
    widths,
)
from punar.data.decode import BadItem
from punar.networks import AutoencoderModule, Network
from punar.objectives import Objective
from punar.preparations import Batch, Preparation, Sample
from punar.sources import FoundArrays, FoundFiles, FoundItems, FoundTable, Request, Source
from punar.tasks import LinearHead, Meter, RowsMeter, Table, Targets, Task, Term, VectorTask

__all__ = [
    "AutoencoderModule",
    "Backbone",
    "BadItem",
    "Batch",
    "Cell",
    "FoundArrays",
    "FoundFiles",
    "FoundItems",
    "FoundTable",
    "LinearHead",
    "Meter",
    "Network",
    "Objective",
    "Plan",
    "Preparation",
    "Request",
    "RowsMeter",
    "Rule",
    "Sample",
    "Source",
    "Stack",
    "Stage",
    "Table",
    "Targets",
    "Task",
    "Term",
    "Tokens",
    "VectorTask",
    "View",
    "boolean",
    "check_params",
    "either",
    "instance",
    "integer",
    "none",
    "number",
    "one_of",
    "random_state",
    "widths",
]
