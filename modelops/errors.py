"""Every error that modelops raises on purpose: one message, stating the fact and the remedy.

ModelopsError
├── CustomizationError        a file in customizations/ (or bases.yaml) is wrong
├── BaseModelError            a base model is missing, refused, or not what its card says
├── StoreError                an artifact is missing or cannot be written
│   └── IntegrityError        bytes are not the bytes that were recorded
├── LedgerError               the ledger refuses or cannot be reached
│   └── ConflictError         somebody else promoted first (compare-and-swap on the epoch)
├── CorpusError               sources cannot be read, or nothing is left after curation
├── AdapterError              adapter tensors do not fit the base, or change nothing
├── TrainingError             no supervised tokens, a non-finite loss, a checkpoint of another run
├── EvaluationError           a benchmark is not the frozen one, or outcomes cannot be paired
└── ReleaseError              the gate did not pass, or a release does not exist
"""


class ModelopsError(Exception):
    """Root of the tree; `str(error)` is meant for a person."""


class CustomizationError(ModelopsError):
    """A customization or a declared base is wrong; every fault is listed at once."""


class BaseModelError(ModelopsError):
    """A base model is missing, was refused, or is not what its card says."""


class StoreError(ModelopsError):
    """An artifact is missing or cannot be written."""


class IntegrityError(StoreError):
    """Bytes are not the bytes that were recorded."""


class LedgerError(ModelopsError):
    """The ledger refuses, cannot be reached, or does not verify."""


class ConflictError(LedgerError):
    """Somebody else promoted first: the expected epoch is no longer the current one."""


class CorpusError(ModelopsError):
    """A source cannot be read, or curation leaves nothing to learn from."""


class AdapterError(ModelopsError):
    """Adapter tensors do not fit the base, or change nothing."""


class TrainingError(ModelopsError):
    """Training would teach nothing, or broke; the message names the record or the file."""


class EvaluationError(ModelopsError):
    """A benchmark is not the frozen one, or outcomes cannot be compared."""


class ReleaseError(ModelopsError):
    """The gate did not pass, or a release does not exist."""
