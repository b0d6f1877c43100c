"""Writes xreg.json and xreg_modes.json beside it: what upstream's in-context regression makes of inputs.

The second file has the forecasts of upstream's forecast_with_covariates in both its modes, around a model
that is simple enough to be written again in a test: it forecasts its last value and rises by a tenth a step.

Run by hand, in an environment of its own, with timesfm 3.0.2's sources on the path:
    pip install jax scikit-learn numpy && PYTHONPATH=<folder of timesfm> python make_xreg.py
The numbers in the file were made with jax 0.10.2 and scikit-learn 1.9.1 on a CPU.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

PATCH = 32


def load_xreg_lib(root: Path) -> Any:
    """Return upstream's module alone; importing its package would need torch."""
    spec = importlib.util.spec_from_file_location("xreg_lib", root / "timesfm" / "utils" / "xreg_lib.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type] # the file is there
    spec.loader.exec_module(module)  # type: ignore[union-attr] # a source file has a loader
    return module


def load_upstream(root: Path) -> Any:
    """Return upstream's class around a model; its package is entered without importing it."""
    package = ModuleType("timesfm")
    package.__path__ = [str(root / "timesfm")]
    sys.modules["timesfm"] = package
    return importlib.import_module("timesfm.timesfm_2p5.timesfm_2p5_base").TimesFM_2p5


def make_series(rng: Any, length: int, horizon: int, kinds: tuple[str, ...]) -> dict[str, Any]:
    total = length + horizon
    step = np.arange(total)
    pool = {
        "price": ("numerical", np.round(20 + 3 * np.sin(step / 5) + rng.normal(size=total), 4)),
        "trend": ("numerical", 1e5 + 40.0 * step),
        "fixed": ("numerical", np.full(total, 7.0)),
        "day": ("categorical", np.array(["mon", "tue", "wed", "thu"])[step % 4]),
        "promo": ("categorical", np.where(rng.random(total) < 0.3, "yes", "no")),
        "only": ("categorical", np.full(total, "one")),
        "rare": ("categorical", np.where(step < length, "seen", "unseen")),
        "base": ("static_numerical", round(float(rng.normal(50, 9)), 3)),
        "region": ("static_categorical", ["north", "south", "east"][int(rng.integers(3))]),
    }
    pool["twin"] = ("numerical", pool["price"][1] + np.round(rng.normal(size=total) / 1000, 4))
    price, promo = pool["price"][1], pool["promo"][1]
    effect = 4 * price + 30 * (promo == "yes") + rng.normal(size=total) * 5 + 0.3 * step
    return {
        "target": np.round(300 + effect, 4)[:length].tolist(),
        "horizon": horizon,
        "covariates": {
            name: {"kind": kind, "values": values.tolist() if isinstance(values, np.ndarray) else values}
            for name, (kind, values) in pool.items()
            if name in kinds
        },
    }


def run_upstream(lib: Any, series: list[dict[str, Any]], ridge: float, normalize: bool) -> dict[str, Any]:
    def gather(kind: str, cut: Any) -> dict[str, list[Any]]:
        names = [name for name, c in series[0]["covariates"].items() if c["kind"] == kind]
        return {name: [cut(one, one["covariates"][name]["values"]) for one in series] for name in names}

    def past(one: dict[str, Any], values: Any) -> Any:
        return values[: len(one["target"])]

    def future(one: dict[str, Any], values: Any) -> Any:
        return values[len(one["target"]) :]

    targets = [np.array(one["target"]) for one in series]
    stats = [(0.0, 1.0)] * len(series)
    if normalize:
        targets, stats = lib.normalize(targets)
    ahead, fitted, *_ = lib.BatchedInContextXRegLinear(
        targets=targets,
        train_lens=[len(target) for target in targets],
        test_lens=[one["horizon"] for one in series],
        train_dynamic_numerical_covariates=gather("numerical", past),
        test_dynamic_numerical_covariates=gather("numerical", future),
        train_dynamic_categorical_covariates=gather("categorical", past),
        test_dynamic_categorical_covariates=gather("categorical", future),
        static_numerical_covariates=gather("static_numerical", lambda _, value: value),
        static_categorical_covariates=gather("static_categorical", lambda _, value: value),
    ).fit(
        ridge=ridge,
        one_hot_encoder_drop=None if ridge > 0 else "first",
        debug_info=True,
        assert_covariates=True,
        assert_covariate_shapes=True,
    )
    return {
        "residuals": [
            np.round(target - fit, 7).tolist() for target, fit in zip(targets, fitted, strict=True)
        ],
        "offsets": [np.round(part * s + m, 5).tolist() for part, (m, s) in zip(ahead, stats, strict=True)],
        "scales": [float(scale) for _, scale in stats],
    }


def carry(horizon: int, inputs: list[Any]) -> tuple[Any, Any]:
    """Return the simple model's backcast and forecast, and its mean and nine quantiles of both."""
    points = [np.concatenate([np.roll(x, 1), x[-1] + 0.1 * np.arange(1, horizon + 1)]) for x in inputs]
    for point in points:
        point[:PATCH] = 1e6
    return points, [point[:, None] + np.array([0.0, *range(-4, 5)]) for point in points]


def run_around(
    upstream: Any, series: list[dict[str, Any]], mode: str, ridge: float
) -> tuple[list[Any], list[Any]]:
    def gather(kind: str) -> dict[str, list[Any]]:
        names = [name for name, c in series[0]["covariates"].items() if c["kind"] == kind]
        return {name: [one["covariates"][name]["values"] for one in series] for name in names}

    around = SimpleNamespace(
        forecast_config=SimpleNamespace(return_backcast=True, max_horizon=series[0]["horizon"]),
        model=SimpleNamespace(p=PATCH),
        forecast=carry,
    )
    means, quantiles = upstream.forecast_with_covariates(
        around,
        inputs=[np.array(one["target"]) for one in series],
        dynamic_numerical_covariates=gather("numerical"),
        dynamic_categorical_covariates=gather("categorical"),
        static_numerical_covariates=gather("static_numerical"),
        static_categorical_covariates=gather("static_categorical"),
        xreg_mode=mode,
        ridge=ridge,
    )
    return [np.round(mean, 5).tolist() for mean in means], [np.round(q, 5).tolist() for q in quantiles]


def write_modes(root: Path) -> None:
    upstream = load_upstream(root)
    rng = np.random.default_rng(30)
    shapes = {
        "one series": ([80], ("price", "promo")),
        "more columns than rows": ([37], ("price", "trend", "day", "promo")),
        "several ragged series": ([40, 96, 61], ("price", "day", "promo")),
        "with static covariates": ([50, 64, 45, 90], ("price", "promo", "base", "region")),
    }
    cases = []
    for name, (lengths, kinds) in shapes.items():
        series = [make_series(rng, length, 5, kinds) for length in lengths]
        fits = []
        for mode in ("xreg + timesfm", "timesfm + xreg"):
            for ridge in (0.0, 2.5):
                for scope in ("pooled", "series"):
                    calls = [series] if scope == "pooled" else [[one] for one in series]
                    found = [run_around(upstream, call, mode, ridge) for call in calls]
                    fit: dict[str, Any] = {"mode": mode, "ridge": ridge, "scope": scope}
                    fit["means"] = [mean for means, _ in found for mean in means]
                    fit["quantiles"] = [matrix for _, matrices in found for matrix in matrices]
                    fits.append(fit)
        cases.append({"name": name, "series": series, "fits": fits})
    text = json.dumps(cases, separators=(",", ":"), default=float)
    Path(__file__).with_name("xreg_modes.json").write_text(text + "\n")


def main() -> None:
    root = Path(sys.path[1] if len(sys.path) > 1 else ".")
    write_modes(root)
    lib = load_xreg_lib(root)
    rng = np.random.default_rng(20)
    every = ("price", "trend", "fixed", "day", "promo", "only", "rare", "base", "region")
    shapes = {
        "one numerical": ([(40, 6)], ("price",)),
        "nearly the same column twice": ([(40, 6)], ("price", "twin")),
        "dynamic only": ([(40, 6)], ("price", "day", "promo")),
        "ragged series, all kinds": ([(40, 6), (25, 6), (33, 6), (9, 6)], every),
        "static only": ([(12, 4), (20, 4), (15, 4), (18, 4)], ("base", "region")),
        "one category": ([(16, 3)], ("only",)),
        "more columns than rows": ([(5, 3)], ("price", "trend", "day", "promo")),
        "two points": ([(2, 2)], ("price", "day")),
        "one point": ([(1, 2)], ("price", "day")),
        "short beside long": ([(1, 3), (2, 3), (30, 3)], ("price", "promo", "base")),
    }
    cases = []
    for name, (lengths, kinds) in shapes.items():
        series = [make_series(rng, length, horizon, kinds) for length, horizon in lengths]
        fits = [
            {"ridge": ridge, "normalize": normalize, **run_upstream(lib, series, ridge, normalize)}
            for ridge, normalize in ((0.0, True), (0.0, False), (0.5, True), (10.0, True))
        ]
        cases.append({"name": name, "series": series, "fits": fits})
    text = json.dumps(cases, separators=(",", ":"), default=float)
    Path(__file__).with_name("xreg.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
