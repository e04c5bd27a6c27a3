"""Reads the cut-out of a question with several models, each on several views of it, and averages their confidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from edge_daemon.decision.observations import main_line, merge_line
from edge_daemon.decision.perturbation import views
from edge_daemon.domain import Candidate, Grey
from edge_daemon.fields.extract import patch_of_sample
from edge_daemon.inference.options import BUNDLED, ModelOptions
from edge_daemon.recognition.reader import Reader, open_reader


class Ensemble:
    """Reads the cut-out as it is and six perturbed views of it with each model; the confidences are averaged.

    Averaging over perturbed views is test-time augmentation (Krizhevsky et al., 2012).
    """

    def __init__(self, readers: Sequence[Reader], perturb: bool = True) -> None:
        """`perturb`: also read the perturbed views."""
        self._readers, self._perturb = readers, perturb
        names = ", ".join(dict.fromkeys(reader.classifier.name for reader in readers))
        self.name = f"{names} on {7 if perturb else 1} views"[:128]

    def read(self, pixels: Grey) -> tuple[Candidate, ...]:
        """Up to three texts, best first, of a cut-out (h, w); none where no number is read."""
        pictures = [pixels, *(views(pixels) if self._perturb else ())]
        totals: dict[str, float] = defaultdict(float)
        for reader in self._readers:
            for picture in pictures:
                numbers = reader.read(patch_of_sample(np.ascontiguousarray(picture)))
                for text, confidence in merge_line(main_line(numbers)).candidates if numbers else ():
                    totals[text] += confidence / (len(pictures) * len(self._readers))
        return tuple(sorted(totals.items(), key=lambda item: -item[1])[:3])


def open_ensemble(models: Sequence[str]) -> Ensemble:
    """Open the named models, or else the bundled one. Of the networks in a manifest the larger one is used.

    Raises ModelError, or RuntimeMissingError.
    """
    return Ensemble([open_reader(classifier_options(path)) for path in models or [BUNDLED]])


def classifier_options(path: str) -> ModelOptions:
    """A manifest's float32 network is its largest; a single .tflite file has only one."""
    return ModelOptions(path, precision="auto" if path.endswith(".tflite") else "float32")
