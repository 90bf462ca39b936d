"""A pretrained network as a scikit-learn transformer: items in, features out."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags

from punar.backbones import Backbone, Body, build, freeze, refuse_nested, resolve
from punar.core.params import boolean, check_params, either, instance, integer, none, one_of
from punar.core.progress import counting
from punar.core.runtime import as_usual, available_cores, pick_device, threads
from punar.features import cache as caches
from punar.features import frozen as _frozen
from punar.preparations import Preparation, say_unread
from punar.texts import fit as texts


class FeatureExtractor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn pictures, sentences or recordings into rows of numbers with a pretrained network.

    Nothing is learned: ``fit`` only loads the network, and ``transform`` works without it. Every row is computed once
    and remembered on disk, so a second call, another fold or another classifier costs nothing; a few items are answered
    directly, which costs less than to look them up.

    Parameters
    ----------
    backbone : str, Backbone or nn.Module, default="starter"
        See :func:`punar.list_backbones`. "starter" travels with punar; others need their weights on this machine. A
        torch module of one's own that takes pictures (n, 3, h, w) is copied.
    layer : None, str, int or list of these, default=None
        None gives the features before the network's classifier. Otherwise stages by name or number (-1 is the last),
        pooled and put side by side: ``[-1, -2, -3, -4]`` is BERT's "concatenate the last four layers".
    pooling : {"default", "mean", "max", "first"}, default="default"
        How a stage's map or tokens become one row. "first" is the [CLS] token.
    weights : "default", None or path, default="default"
        Published weights, random ones (a baseline), or your own file or folder.
    batch_size : int or None, default=None
        None takes 32, and 8 for sound.
    cache : bool or path, default=True
        Where rows are remembered; True is the user's cache folder (``PUNAR_CACHE_DIR``), False computes them again.
    device : str or torch.device, default="auto"
    verbose : int, default=0
        1 shows progress with time left.

    Attributes
    ----------
    module_ : torch.nn.Module
        The source library's network without its classifier, frozen.
    width_ : int
        Columns of the result.

    References
    ----------
    Donahue et al. (2014). DeCAF: a deep convolutional activation feature for generic visual recognition. ICML.
    Devlin et al. (2019). BERT: pre-training of deep bidirectional transformers. NAACL, table 7.

    Examples
    --------
    >>> import punar
    >>> from sklearn.datasets import load_digits
    >>> pictures = load_digits().images[:6] / 16
    >>> punar.FeatureExtractor("starter", cache=False).transform(pictures).shape[0]
    6
    """

    _RULES: ClassVar = {
        "pooling": one_of(*_frozen.POOLINGS),
        "batch_size": either(none(), integer(1)),
        "device": either(instance(str, text="a device name"), instance(torch.device, text="a torch.device")),
        "verbose": either(boolean(), integer(0)),
    }

    def __init__(
        self,
        backbone: str | Backbone = "starter",
        *,
        layer: Any = None,
        pooling: str = "default",
        weights: Any = "default",
        batch_size: int | None = None,
        cache: Any = True,
        device: str | torch.device = "auto",
        verbose: int = 0,
    ) -> None:
        self.backbone = backbone
        self.layer = layer
        self.pooling = pooling
        self.weights = weights
        self.batch_size = batch_size
        self.cache = cache
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any = None, y: Any = None) -> FeatureExtractor:
        """Load the network and check X, without reading its items.

        Raises
        ------
        punar.errors.ParameterError, BackboneError, WeightsNotFoundError, DataError
        """
        where = f"{type(self).__name__}.fit"
        check_params(self, self._RULES)
        caches.check(self.cache, type(self).__name__)
        recipe = resolve(self.backbone, self.weights, type(self).__name__)
        body = build(recipe)
        layers = _frozen.pick_layers(body.plan, self.layer, type(self).__name__)
        if X is not None:
            body.plan.preparation.check(X, where)
        freeze(body.module)
        body.module.to(pick_device(self.device))
        self._body, self._layers, self.module_ = body, layers, body.module
        self._made_of = self._settings()
        self.width_ = self._run_blank()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return features, float32 (n, width).

        Parameters
        ----------
        X : sequence
            Paths, PIL images or arrays; sentences; or wav and flac paths or sample arrays, as the network reads.

        Raises
        ------
        punar.errors.DataError
            An item cannot be read; all such items are counted and the first ones named.
        """
        if getattr(self, "_made_of", None) != self._settings():
            self.fit()
        where = f"{type(self).__name__}.transform"
        body, device = self._body, pick_device(self.device)
        items = body.plan.preparation.check(X, where)
        say_unread(body.plan.preparation, items, where)
        with as_usual(), threads(available_cores()), counting(texts.FEATURES, int(self.verbose)) as count:
            rows = _frozen.extract(
                body,
                _frozen.features(body.plan, self._layers, self.pooling),
                {"features": [s.modules[-1] for s in self._layers], "pooling": self.pooling},
                items=items,
                device=device,
                cache=caches.check(self.cache, where),
                where=where,
                batch_size=self.batch_size,
                progress=count,
            )
            return rows.tensor().numpy()

    @property
    def preparation_(self) -> Preparation:
        """What items are brought to before the network sees them."""
        return self._body.plan.preparation

    @property
    def body_(self) -> Body:
        """The network, how it is used and where it came from."""
        return self._body

    def _run_blank(self) -> int:
        prepare = self._body.plan.preparation
        device = pick_device(self.device)
        batch = {k: v.to(device) for k, v in prepare.collate([prepare.blank(0)], 0).items()}
        with as_usual(), torch.no_grad():
            compute = _frozen.features(self._body.plan, self._layers, self.pooling)
            return int(compute(self._body.module, batch).shape[1])

    def _settings(self) -> str:
        return repr(
            [self.get_params(deep=False)[name] for name in ("backbone", "layer", "pooling", "weights", "device")]
        )

    @property
    def _n_features_out(self) -> int:
        return self.width_

    def set_params(self, **params: Any) -> FeatureExtractor:
        """Set parameters; a setting of a backbone that is still a name gets a kind error."""
        refuse_nested(self, params)
        super().set_params(**params)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_body")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
