"""Where pretrained networks come from: one file per source. The contract is in ``_backbone.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from punar.core.lazy import lazily

if TYPE_CHECKING:
    from punar.backbones._backbone import Backbone as Backbone
    from punar.backbones._backbone import Plan as Plan
    from punar.backbones._backbone import Stage as Stage
    from punar.backbones._body import Body as Body
    from punar.backbones._body import backbone as backbone
    from punar.backbones._body import build as build
    from punar.backbones._body import device_of as device_of
    from punar.backbones._body import freeze as freeze
    from punar.backbones._body import refuse_nested as refuse_nested
    from punar.backbones._body import resolve as resolve
    from punar.backbones._own_module import OwnModule as OwnModule
    from punar.backbones._own_module import children_as_stages as children_as_stages
    from punar.backbones._stages import prove_stages as prove_stages
    from punar.backbones._stages import prove_view as prove_view
    from punar.backbones._view import FORMS as FORMS
    from punar.backbones._view import Tokens as Tokens
    from punar.backbones._view import View as View

_HOME = {
    "Backbone": "_backbone",
    "Body": "_body",
    "FORMS": "_view",
    "OwnModule": "_own_module",
    "Plan": "_backbone",
    "Stage": "_backbone",
    "Tokens": "_view",
    "View": "_view",
    "backbone": "_body",
    "build": "_body",
    "children_as_stages": "_own_module",
    "device_of": "_body",
    "freeze": "_body",
    "prove_stages": "_stages",
    "prove_view": "_stages",
    "refuse_nested": "_body",
    "resolve": "_body",
}
__all__ = sorted(_HOME)
__getattr__ = lazily(__name__, _HOME)
