"""The Bradley–Terry model: how strong each of several players is, from who beat whom. Mathematics alone.

R. A. Bradley and M. E. Terry, "Rank analysis of incomplete block designs", Biometrika 39 (1952): i beats j with
probability 1 / (1 + exp(s_j - s_i)). A tie counts half a win to each. When a maximum likelihood estimate exists, and
that it is the only one: D. R. Hunter, "MM algorithms for generalized Bradley–Terry models", Annals of Statistics 32
(2004). It is found by Newton's method and not by Hunter's, which needs thousands of steps where each player met only
the one before, as checkpoints do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.services.measures import Z95

Matrix = NDArray[np.float64]
MOST_STEPS = 200
CLOSE_ENOUGH = 1e-9  # of the gradient, in wins


@dataclass(frozen=True)
class Match:
    """How often `one` and `other` beat each other."""

    one: int
    other: int
    wins: int
    other_wins: int
    ties: int


class Open(StrEnum):
    """Which end of a strength nothing bounds: who never lost to the base's side may be stronger by any amount."""

    NEITHER = "neither"
    HIGH = "high"
    LOW = "low"
    BOTH = "both"  # not even whether it is stronger or weaker than the base is told


@dataclass(frozen=True)
class Strength:
    """A player's log-strength relative to the base, whose own is 0, with its interval of 95 %; an end that nothing
    bounds is infinite, and `value` then rests on the prior. `choices` are those in which the player stood."""

    player: int
    value: float
    low: float
    high: float
    open: Open
    choices: int


@dataclass(frozen=True)
class Fit:
    """Strengths in the order of the players, and the players that no chain of matches connects to the base."""

    strengths: Sequence[Strength]
    apart: Sequence[int]


def fit(matches: Sequence[Match], *, base: int) -> Fit:
    """The strengths of all players, the base's 0, with intervals from the observed information.

    Where one side never lost to the other, no finite strength is the most likely one. Those matches alone, the ones
    that only ever went one way between two sides, get a light prior: half a win more each way.
    """
    players = sorted({base, *(m.one for m in matches), *(m.other for m in matches)})
    wins = _wins(matches, players)
    connected = _closure(wins + wins.T)[players.index(base)]
    inside = [player for player, is_in in zip(players, connected, strict=True) if is_in]
    wins = wins[np.ix_(connected, connected)]
    told = _closure(wins)
    one_way = (wins + wins.T > 0) & ~(told & told.T)
    weighed = wins + 0.5 * one_way
    home = inside.index(base)
    values = _most_likely(weighed, home)
    errors = _standard_errors(weighed, values, home)
    return Fit(
        [
            _strength(player, values[i], errors[i], _open(told[i, home], told[home, i]), (wins[i] + wins[:, i]).sum())
            for i, player in enumerate(inside)
        ],
        [player for player in players if player not in inside],
    )


def chance(strength: float) -> float:
    """How likely a player of this log-strength is to beat one of strength 0."""
    return 1 / (1 + math.exp(-strength)) if strength > -700 else 0.0


def _wins(matches: Sequence[Match], players: Sequence[int]) -> Matrix:
    """How often the player of a row beat that of a column; a tie is half a win to each."""
    at = {player: place for place, player in enumerate(players)}
    wins = np.zeros((len(players), len(players)))
    for match in matches:
        wins[at[match.one], at[match.other]] += match.wins + match.ties / 2
        wins[at[match.other], at[match.one]] += match.other_wins + match.ties / 2
    return wins


def _closure(edges: Matrix) -> NDArray[np.bool_]:
    """Who can be reached from whom, over any number of edges; everyone from themselves."""
    reached = (edges > 0) | np.eye(len(edges), dtype=bool)
    while True:
        wider = reached.astype(float) @ reached.astype(float) > 0
        if (wider == reached).all():
            return reached
        reached = wider


def _open(beats_base: Any, base_beats: Any) -> Open:
    """What a chain of wins from the player to the base, and one from the base to the player, leave unbounded."""
    if beats_base and base_beats:
        return Open.NEITHER
    if beats_base:
        return Open.HIGH
    return Open.LOW if base_beats else Open.BOTH


def _most_likely(wins: Matrix, home: int) -> Matrix:
    """The strengths that make the wins most likely, by Newton's method; a step that overshoots is halved. The
    log-likelihood is concave, so this always arrives."""
    values = np.zeros(len(wins))
    free = np.arange(len(wins)) != home
    likelihood = _log_likelihood(wins, values)
    for _ in range(MOST_STEPS):
        expected = (wins + wins.T) * _chances(values)
        gradient = (wins - expected).sum(axis=1)[free]
        if not gradient.size or np.abs(gradient).max() < CLOSE_ENOUGH:
            break
        step = np.zeros(len(wins))
        step[free] = np.linalg.solve(_information(wins, values)[np.ix_(free, free)], gradient)
        reached = _log_likelihood(wins, values + step)
        while reached < likelihood and np.abs(step).max() > CLOSE_ENOUGH:
            step /= 2
            reached = _log_likelihood(wins, values + step)
        values, likelihood = values + step, reached
    return values


def _standard_errors(wins: Matrix, values: Matrix, home: int) -> Matrix:
    """Of each strength less the base's: roots of the diagonal of the inverse of the observed information."""
    free = np.arange(len(wins)) != home
    errors = np.zeros(len(wins))
    errors[free] = np.sqrt(np.diag(np.linalg.inv(_information(wins, values)[np.ix_(free, free)])))
    return errors


def _information(wins: Matrix, values: Matrix) -> Matrix:
    """Less the second derivatives of the log-likelihood."""
    chances = _chances(values)
    weights = (wins + wins.T) * chances * chances.T
    information: Matrix = np.diag(weights.sum(axis=1)) - weights
    return information


def _chances(values: Matrix) -> Matrix:
    """How likely the player of a row is to beat that of a column."""
    chances: Matrix = 1 / (1 + np.exp(-np.subtract.outer(values, values)))
    return chances


def _log_likelihood(wins: Matrix, values: Matrix) -> float:
    return -float((wins * np.logaddexp(0, -np.subtract.outer(values, values))).sum())


def _strength(player: int, value: float, error: float, open_: Open, choices: float) -> Strength:
    low = -math.inf if open_ in (Open.LOW, Open.BOTH) else value - Z95 * error
    high = math.inf if open_ in (Open.HIGH, Open.BOTH) else value + Z95 * error
    return Strength(player, float(value), float(low), float(high), open_, round(choices))
