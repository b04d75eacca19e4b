"""ParaLLM: many answers at once from a language model on the machine you own.

    from parallm import load, batch_generate          # as from mlx_parallm
    from parallm import LLM, SamplingParams           # as from vllm
"""

from ._ffi import version as _version
from .engine import Engine, Plan, Stats
from .errors import (
    ArgumentError,
    BusyError,
    ClosedError,
    FileError,
    ForkError,
    FormatError,
    GenerationError,
    OutOfMemoryError,
    ParallmError,
    UnsupportedError,
)
from .llm import LLM, LoRARequest
from .mlx import batch_generate, generate, load, stream_generate
from .model import Model, ModelInfo, pull, quantize
from .outputs import CompletionOutput, Logprob, Logprobs, RequestOutput, ScoreOutput
from .prompts import Prompt
from .sampling import SamplingParams
from .tokenizer import Tokenizer

__version__ = _version()

__all__ = [
    "ArgumentError",
    "BusyError",
    "ClosedError",
    "CompletionOutput",
    "Engine",
    "FileError",
    "ForkError",
    "FormatError",
    "GenerationError",
    "LLM",
    "LoRARequest",
    "Logprob",
    "Logprobs",
    "Model",
    "ModelInfo",
    "OutOfMemoryError",
    "ParallmError",
    "Plan",
    "Prompt",
    "RequestOutput",
    "SamplingParams",
    "ScoreOutput",
    "Stats",
    "Tokenizer",
    "UnsupportedError",
    "__version__",
    "batch_generate",
    "generate",
    "load",
    "pull",
    "quantize",
    "stream_generate",
]
