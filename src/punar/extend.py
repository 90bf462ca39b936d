"""The contracts, for people who write parts of their own.

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

from punar.backbones import Backbone, Plan, Stage
from punar.cells import Cell
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
from punar.networks import AutoencoderModule, Network
from punar.objectives import Objective
from punar.preparations import Preparation
from punar.sources import FoundArrays, FoundFiles, FoundItems, FoundTable, Request, Source
from punar.tasks import LinearHead, Task

__all__ = [
    "AutoencoderModule",
    "Backbone",
    "Cell",
    "FoundArrays",
    "FoundFiles",
    "FoundItems",
    "FoundTable",
    "LinearHead",
    "Network",
    "Objective",
    "Plan",
    "Preparation",
    "Request",
    "Rule",
    "Source",
    "Stage",
    "Task",
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
