"""Did it learn? The answer that every fit gives, beside the untrained network, the mean and PCA."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from punar.baselines import pca_reconstruction, random_reconstructions
from punar.data.steps import are_sequences
from punar.errors import TrainingDivergedError
from punar.texts import fit as texts
from punar.training import evidence
from punar.training import report as reports
from punar.training.evidence import Lead
from punar.training.report import MOST_ROWS, FitReport

Module = TypeVar("Module", bound=nn.Module)

# Shares of the fit's time for fitting PCA and for the forward passes, five per cent together.
_PCA_SHARE = 0.01
_PASSES_SHARE = 0.02
_ALIKE = 2.0  # times the mean of the columns' variances: no column has more where they are alike


def pca_rows(n: int, width: int, components: int, work: int) -> int:
    """Return on how many training rows PCA is fitted: a small share of the fit's arithmetic.

    Counted, not timed, so that the same fit gives the same report. ``work`` is the multiply-adds of one forward pass
    over all rows that training saw; training did three times as many, and two operations each.
    """
    flops_per_row = 32.0 * width * (min(components, width) + 10)
    affordable = int(_PCA_SHARE * 6 * work / flops_per_row)
    return min(n, MOST_ROWS, max(200, 4 * components, affordable))


def measured_rows(n: int, seen: int) -> int:
    """Return how many of ``n`` rows are measured, where training saw ``seen`` rows over all epochs.

    A row costs five forward passes here, and three in training.
    """
    return min(n, MOST_ROWS, max(300, int(_PASSES_SHARE * seen * 3 / 5)))


@dataclass(frozen=True, eq=False)
class Part:
    """Rows to judge by, and what was made of them by weights that they did not choose.

    Attributes
    ----------
    rows : Tensor of shape (m, *shape)
        Scaled. Of sequences only what is not NaN counts, and the baselines see the mean in its place.
    found : Tensor of shape (m, features)
        Their reconstructions, flat.
    sample : Tensor of shape (r, *shape)
        Scaled rows that were trained on then: of which the baselines learn.
    apart : (rows, found) or None
        The same rows with the values of each column in an order of its own, flat, and what the same weights made of
        them: all that is left of the data is each column alone.
    loss : float or None
        The training loss of these rows and weights.
    """

    rows: Tensor
    found: Tensor
    sample: Tensor
    apart: tuple[Tensor, Tensor] | None = None
    loss: float | None = None


def measure(
    module: Module,
    untrained: Module,
    encode: Callable[[Module, Tensor], Tensor],
    decode: Callable[[Module, Tensor], Tensor],
    losses: Callable[[Module, Tensor], float],
    parts: Sequence[Part],
    mean: Tensor,
    *,
    latent_dim: int,
    rows_from: str,
    seed: int,
    groups: Tensor | None = None,
) -> FitReport:
    """Compare reconstructions with the training mean, random codes, the untrained network and PCA of the same size.

    Parameters
    ----------
    module, untrained : nn.Module
        After and before training.
    encode, decode : callable
        ``(module, rows)`` -> codes, and ``(module, codes)`` -> rows in the scaled space.
    losses : callable
        ``(module, rows)`` -> the training loss per row.
    parts : sequence of Part
    mean : Tensor of shape (*shape)
        Scaled mean of the training rows, the constant answer.
    latent_dim : int
    rows_from : {"held_out", "cross_fitted", "training"}
    seed : int
        Of the random codes.
    groups : Tensor of int64 (features,), optional
        Which numbers of a row belong together, as the indicators of one category do; by default each is alone.
    """
    rows = torch.cat([part.rows for part in parts])
    flat, missing = _filled(rows, mean)
    means = _squares(flat, mean.flatten(), missing)
    spread = float(means.sum())
    errors = torch.cat([_errors_of(part, part.found, mean) for part in parts])
    codes = encode(module, rows)
    before = _squares(decode(untrained, encode(untrained, rows)).flatten(1), flat, missing)
    few = rows if rows_from != reports.TRAINING else rows[: max(1, len(rows) // 3)]
    report = FitReport(
        rows=len(rows),
        rows_from=rows_from,
        loss=_mean_loss(parts) if rows_from != reports.TRAINING else losses(module, few),
        loss_untrained=losses(untrained, few),
        explained_variance=_share(errors, spread),
        explained_variance_untrained=_share(before, spread),
        explained_variance_pca=None,
        explained_variance_random=None,
        parameters_moved=_moved(module, untrained),
        features=flat.shape[1],
        code_width=latent_dim,
    )
    if missing is not None:
        report["share_filled_for_pca"] = float(missing.double().mean())
    if not math.isfinite(report["explained_variance"]) or not math.isfinite(report["loss"]):
        raise TrainingDivergedError(
            f"The fitted model's outputs are not finite (loss {report['loss']:g}). Lower learning_rate (a tenth is a "
            "good next try), or set gradient_clip=1.0."
        )
    chances = [means]
    if spread > 0 and latent_dim < flat.shape[1]:
        chances += _random_errors(parts, mean, latent_dim, seed)
        report["explained_variance_random"] = max(_share(found, spread) for found in chances[1:])
        if all(len(part.sample) > latent_dim and _varies(part.sample) for part in parts):
            pca = torch.cat([_errors_of(part, _pca(part, mean, latent_dim), mean) for part in parts])
            report["explained_variance_pca"] = _share(pca, spread)
            report["pca_interval"] = _interval((pca - errors) / max(spread / len(flat), 1e-300))
            report["pca_lead"] = list(evidence.lead_of_sums((pca - errors).cpu().numpy(), spread)[:3])
    still = (codes - codes[:1]).abs().amax(0) <= 1e-6 * codes.abs().max().clamp_min(1e-12)
    report["dead_units"] = int(still.sum()) if len(codes) > 1 else 0
    report["distinct_codes"] = len({row.tobytes() for row in codes.cpu().numpy()})
    _judge(report, errors, chances, spread, _over_columns_apart(parts, flat, errors, mean, groups))
    report["verdict"] = _verdict(report, constant=spread <= 0)
    return report


def _over_columns_apart(
    parts: Sequence[Part], flat: Tensor, errors: Tensor, mean: Tensor, groups: Tensor | None
) -> Lead | None:
    """Return how much better rows are reconstructed than rows whose columns have nothing to do with each other.

    A network finds codes of noise that keep more of it than a linear code can: what it learned of the data shows only
    here. Where columns vary unequally, knowing which of them do is worth something, and this says nothing.
    """
    centre, moved = mean.flatten(), flat.var(0, correction=0)
    if groups is not None:
        moved = torch.zeros(int(groups.max()) + 1).to(moved).index_add_(0, groups.to(moved.device), moved)
    if any(part.apart is None for part in parts) or float(moved.max()) > _ALIKE * float(moved.mean()):
        return None
    shuffled = torch.cat([part.apart[0] for part in parts if part.apart])
    lost = torch.cat([_squares(part.apart[1], part.apart[0]) for part in parts if part.apart])
    ratio = errors / _squares(flat, centre).clamp_min(1e-12)
    other = lost / _squares(shuffled, centre).clamp_min(1e-12)
    return evidence.lead_of_sums((other - ratio).cpu().numpy(), len(errors))


def _judge(report: FitReport, errors: Tensor, chances: Sequence[Tensor], spread: float, apart: Lead | None) -> None:
    """Write into a report what the lead over each kind of chance says: all of them are to be beaten."""
    if spread <= 0:  # there is nothing to learn
        report |= {"learned": True, "p_value": None, "effect": 0.0, "chance": 0.0, "rows_wanted": None}
        return
    leads = [evidence.lead_of_sums((chance - errors).cpu().numpy(), spread) for chance in chances]
    leads += [] if apart is None else [apart]
    least = max(leads, key=lambda found: found.better)
    chance = max(_share(found, spread) for found in chances)
    said = evidence.judged(least, chance, len(errors), discrete=False)
    report["p_value"], report["effect"] = least.better, said.effect
    report["learned"] = None if report["rows_from"] == reports.TRAINING else said.learned
    report["chance"], report["rows_wanted"] = chance, None if report["learned"] is not None else said.rows


def _mean_loss(parts: Sequence[Part]) -> float:
    return sum((part.loss or 0.0) * len(part.rows) for part in parts) / sum(len(part.rows) for part in parts)


def _varies(rows: Tensor) -> bool:
    return bool((rows != rows[:1]).any())


def _errors_of(part: Part, found: Tensor, mean: Tensor) -> Tensor:
    """Return the summed squared errors of a part's rows."""
    return _squares(found, *_filled(part.rows, mean))


def _pca(part: Part, mean: Tensor, components: int) -> Tensor:
    rows, sample = _filled(part.rows, mean)[0], _filled(part.sample, mean)[0]
    found = pca_reconstruction(sample.cpu().numpy(), rows.cpu().numpy(), components)
    return torch.from_numpy(found).to(rows.device)


def _random_errors(parts: Sequence[Part], mean: Tensor, width: int, seed: int) -> list[Tensor]:
    """Return the errors of a random code with its transpose, and of one with a ridge decoder."""
    found: list[list[Tensor]] = [[], []]
    centre = mean.flatten().cpu().numpy()
    for part in parts:
        rows, sample = (_filled(x, mean)[0].cpu().numpy() for x in (part.rows, part.sample))
        both = random_reconstructions(sample, rows, centre, width, seed)
        for errors, values in zip(found, both, strict=True):
            errors.append(_errors_of(part, torch.from_numpy(values).to(part.found), mean))
    return [torch.cat(errors) for errors in found]


def _squares(a: Tensor, b: Tensor, missing: Tensor | None = None) -> Tensor:
    """Return the summed squared difference per row, without what is missing."""
    squares = (a - b).square_()
    return (squares if missing is None else squares.masked_fill_(missing, 0.0)).sum(1).double()


def _filled(rows: Tensor, mean: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return flat rows; of sequences with the mean in the place of NaN, and where that is."""
    if not are_sequences(rows):
        return rows.flatten(1), None
    missing = rows.isnan()
    return torch.where(missing, mean, rows).flatten(1), missing.flatten(1)


def _share(errors: Tensor, spread: float) -> float:
    total = float(errors.sum())
    if spread <= 0:
        return 1.0 if total <= 1e-12 * max(1, len(errors)) else 0.0
    return 1.0 - total / spread


def _moved(module: nn.Module, untrained: nn.Module) -> float:
    """Return the length of the change of all parameters, relative to their length before."""
    pairs = list(zip(module.parameters(), untrained.parameters(), strict=True))
    moved = sum(float((a.detach() - b.detach()).double().square().sum()) for a, b in pairs)
    size = sum(float(b.detach().double().square().sum()) for _, b in pairs)
    return math.sqrt(moved / size) if size > 0 else 0.0


def _interval(differences: Tensor) -> list[float] | None:
    """Return the 95 % interval of the mean of paired differences over rows; one row has none."""
    values = differences.double().cpu().numpy()
    if len(values) < 2:
        return None
    half = 1.96 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return [float(values.mean()) - half, float(values.mean()) + half]


def _verdict(report: FitReport, *, constant: bool) -> str:
    if constant:
        return texts.VERDICT_CONSTANT_DATA
    model, untrained = report["explained_variance"], report["explained_variance_untrained"]
    facts: dict[str, Any] = {
        "model": model,
        "untrained": max(untrained, -9.99),
        "rows": report["rows"],
        "which": reports.which(report["rows_from"]),
        "width": report["code_width"],
        "pca": report["explained_variance_pca"],
    }
    facts["random"] = report["explained_variance_random"]
    note = texts.VERDICT_RANDOM.format(**facts) if facts["random"] is not None else ""
    note += texts.VERDICT_UNTRAINED.format(**facts) if untrained > 0 else ""
    learned = report["learned"]
    text = (
        texts.VERDICT_LEARNED
        if learned
        else texts.VERDICT_DID_NOT_LEARN
        if learned is False
        else texts.VERDICT_CANNOT_TELL
    ).format(**facts, note=note) + reports.why_not(report, report["chance"] + report["effect"])
    if report["code_width"] >= report["features"]:
        text += texts.VERDICT_OVERCOMPLETE
    elif report["explained_variance_pca"] is not None:
        _, better, worse = report["pca_lead"]
        said = texts.VERDICT_EQUALS_PCA
        if report["rows"] >= evidence.FEWEST and min(better, worse) <= evidence.LEVEL:
            said = texts.VERDICT_BEATS_PCA if better < worse else texts.VERDICT_LOSES_TO_PCA
        text += said.format(**facts)
        if report.get("share_filled_for_pca"):
            text += texts.VERDICT_FILLED.format(share=report["share_filled_for_pca"])
    if report["dead_units"]:
        text += texts.VERDICT_DEAD_UNITS.format(dead=report["dead_units"], width=report["code_width"])
    if report["distinct_codes"] <= report["rows"] // 2:
        text += texts.VERDICT_SAME_CODES.format(distinct=report["distinct_codes"], rows=report["rows"])
    return text
