"""Writes xreg.json beside it: inputs, and what upstream's in-context regression makes of them.

Run by hand, in an environment of its own, with timesfm 3.0.2's sources on the path:
    pip install jax scikit-learn numpy && PYTHONPATH=<folder of timesfm> python make_xreg.py
The numbers in the file were made with jax 0.10.2 and scikit-learn 1.9.1 on a CPU.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def load_xreg_lib(root: Path) -> Any:
    """Return upstream's module alone; importing its package would need torch."""
    spec = importlib.util.spec_from_file_location("xreg_lib", root / "timesfm" / "utils" / "xreg_lib.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type] # the file is there
    spec.loader.exec_module(module)  # type: ignore[union-attr] # a source file has a loader
    return module


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


def main() -> None:
    lib = load_xreg_lib(Path(sys.path[1] if len(sys.path) > 1 else "."))
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
