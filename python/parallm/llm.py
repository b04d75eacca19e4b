"""LLM: an engine and its model, in vLLM's shapes."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import prompts as forms
from ._bar import Bar
from ._ffi import token_array
from ._handle import Owner
from .engine import Engine, Job, Plan, Stats, Task
from .errors import ArgumentError, unexpected
from .model import Model, Progress
from .outputs import TOP, RequestOutput, ScoreOutput
from .prompts import ForEach, Prompt, Read
from .run import Run, news, output, raise_if_failed
from .sampling import Request, SamplingParams
from .tokenizer import Message, Tokenizer

# Options of vLLM that have no meaning for one process on a CPU, with the values under which that is no loss.
_WITHOUT_MEANING: dict[str, tuple[Any, ...]] = {
    "tensor_parallel_size": (1,),
    "pipeline_parallel_size": (1,),
    "data_parallel_size": (1,),
    "gpu_memory_utilization": (),
    "enforce_eager": (),
    "trust_remote_code": (),
    "swap_space": (),
    "cpu_offload_gb": (),
    "disable_log_stats": (),
    "enable_chunked_prefill": (),
    "enable_lora": (),
    "max_loras": (),
    "max_lora_rank": (),
    "max_cpu_loras": (),
    "max_num_partial_prefills": (),
    "download_dir": (None,),
    "tokenizer_mode": ("auto",),
    "skip_tokenizer_init": (False,),
    "block_size": (),
    "load_format": ("auto",),
}


class LoRARequest(NamedTuple):
    """An adapter by name and folder. lora_int_id is vLLM's, and not used."""

    lora_name: str
    lora_int_id: int
    lora_path: str


_LORA = (LoRARequest, str, type(None))


class LLM(Owner):
    """Many prompts in, many answers out. Options have vLLM's names, and the command's for what vLLM lacks. Threads may
    share an LLM: they take turns, and a step serves all of them.

    model: a path, a Hugging Face name, or a Model that several engines share.
    revision: of a Hugging Face name; it may also stand in the name, behind "@".
    tokenizer: another than the model's, as a path or a Tokenizer. chat_template: likewise, as Jinja source.
    dtype: of weights that are not quantized: "auto" (as stored), "float32", "float16", "bfloat16".
    quantization: quantize the matrices on loading, to this type ("q8_0", "q4_k_m" ...).
    activations: what quantized weights are multiplied with: "auto", "int8", "float32".
    isa: the most instructions to use ("scalar", "avx2" ...). threads: 0: one for each physical core.
    max_num_seqs: most sequences that decode at once; None: found while running.
    max_num_batched_tokens: most tokens of a step; None: chosen.
    max_model_len: most tokens of a sequence; None: what the model was made for.
    kv_cache_dtype: "auto" (float16), "float32", "float16", "bfloat16", "int8". kv_cache_memory: bytes; None: what is free.
    enable_prefix_caching: keep what was computed of prompts for later ones that begin alike.
    lora_modules: adapters to load, folders by name.
    seed: that of requests without their own.
    generation_config: "auto": where no sampling parameters are given, draw as the model's makers recommend.
    offline: never download.
    progress: told of what loading does, as (what, bytes done, bytes in all); returning False stops it. True: show a bar.
        None: show one where standard error is a terminal."""

    def __init__(
        self,
        model: str | os.PathLike[str] | Model,
        *,
        tokenizer: str | os.PathLike[str] | Tokenizer | None = None,
        dtype: object = "auto",
        quantization: str | None = None,
        activations: str = "auto",
        chat_template: str | None = None,
        isa: str | None = None,
        threads: int = 0,
        max_num_seqs: int | None = None,
        max_num_batched_tokens: int | None = None,
        max_model_len: int | None = None,
        kv_cache_dtype: object = "auto",
        kv_cache_memory: int | None = None,
        enable_prefix_caching: bool = True,
        lora_modules: Mapping[str, str | os.PathLike[str]] | None = None,
        seed: int | None = None,
        offline: bool = False,
        revision: str | None = None,
        generation_config: str | None = None,
        progress: Progress = None,
        **others: Any,
    ) -> None:
        _check_others(others)
        if generation_config not in (None, "auto", "vllm"):
            raise ArgumentError(f"generation_config: is {generation_config!r}, wanted 'auto' or None")
        self._own_model = not isinstance(model, Model)
        self.model = _model_of(
            model,
            revision,
            dtype=dtype,
            activations=activations,
            quantize=quantization,
            chat_template=chat_template,
            isa=isa,
            threads=threads,
            offline=offline,
            progress=progress,
        )
        self.engine = Engine(
            self.model,
            threads=threads,
            max_num_seqs=max_num_seqs or 0,
            max_num_batched_tokens=max_num_batched_tokens or 0,
            max_model_len=max_model_len or 0,
            kv_cache_dtype=kv_cache_dtype,
            kv_cache_memory=kv_cache_memory or 0,
            enable_prefix_caching=enable_prefix_caching,
        )
        self.seed = seed
        self._default_params = SamplingParams.of_model(self.model) if generation_config == "auto" else SamplingParams()
        self.default_adapter: str | None = None
        self._adapters: dict[str, str] = {}
        self._tokenizer = _tokenizer_of(tokenizer, self.model)
        self._vocab_size = self.model.info.vocab_size
        self._plan = self.engine.plan()
        self._next_id = 0
        for name, path in (lora_modules or {}).items():
            self.add_adapter(name, path)

    # ---- Many prompts

    def generate(
        self,
        prompts: Prompt | Sequence[Prompt],
        sampling_params: SamplingParams | Sequence[SamplingParams] | None = None,
        *,
        use_tqdm: Any = True,
        lora_request: LoRARequest | str | Sequence[LoRARequest | str | None] | None = None,
        priority: int | Sequence[int] = 0,
    ) -> list[RequestOutput]:
        """The answers, in the order of the prompts. What makes no sense raises before anything is computed.

        prompts: one or several; each a text, token ids, a conversation, or a dictionary with "prompt",
            "prompt_token_ids" or "messages".
        sampling_params, lora_request, priority: for all, or one for each prompt; a lower priority runs first.
        use_tqdm: show a bar; or what to call in tqdm's place."""
        return self._collect(list(self._tasks(forms.each(prompts), sampling_params, lora_request, priority)), use_tqdm)

    def chat(
        self,
        messages: Sequence[Message] | Sequence[Sequence[Message]],
        sampling_params: SamplingParams | Sequence[SamplingParams] | None = None,
        use_tqdm: Any = True,
        lora_request: LoRARequest | str | Sequence[LoRARequest | str | None] | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        tools: Sequence[Mapping[str, Any]] | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
    ) -> list[RequestOutput]:
        """The answers to one conversation or to several, rendered by the model's chat template."""
        chat = dict(
            chat_template_kwargs or {},
            chat_template=chat_template,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            tools=tools,
        )
        conversations = [messages] if forms.is_conversation(messages) else list(messages)
        tokenizer = self.get_tokenizer()
        reads = []
        for i, conversation in enumerate(conversations):
            if not forms.is_conversation(conversation):
                raise ArgumentError(f"messages[{i}]: wanted a list of {{'role', 'content'}}")
            reads.append(forms.read(conversation, tokenizer, f"messages[{i}]", **chat))
        return self.generate(reads, sampling_params, use_tqdm=use_tqdm, lora_request=lora_request)

    def generate_iter(
        self,
        prompts: Iterable[Prompt],
        sampling_params: SamplingParams | Iterable[SamplingParams] | None = None,
        *,
        lora_request: Any = None,
        priority: Any = 0,
    ) -> Iterator[RequestOutput]:
        """Answers as they are finished, from any number of prompts: no more than a window of them is in memory.
        request_id is the prompt's number."""
        run = self._run(self._tasks(forms.each(prompts), sampling_params, lora_request, priority))
        for job in run.finished():
            yield output(job, self._tokenizer, str(job.index))

    def stream(
        self,
        prompts: Prompt | Iterable[Prompt],
        sampling_params: SamplingParams | Iterable[SamplingParams] | None = None,
        *,
        lora_request: Any = None,
        priority: Any = 0,
    ) -> Iterator[tuple[int, str]]:
        """(index, piece of text) as they come; index: the prompt's number, times n, plus the sample's."""
        run = self._run(self._tasks(forms.each(prompts), sampling_params, lora_request, priority))
        with run.samples() as samples:
            for sample in samples:
                job = sample.job
                text = b"".join(t.text for t in news(sample)).decode("utf-8", "replace")
                done = run.count(sample)
                if text:
                    yield job.index * len(job.samples) + sample.index - job.samples[0].index, text
                if done:
                    raise_if_failed(job)

    # ---- Texts that are given

    def score(
        self,
        prompts: Prompt | Sequence[Prompt],
        continuations: str | Sequence[int] | Sequence[str] | Sequence[Sequence[int]] | None = None,
        *,
        top: int = 0,
        use_tqdm: Any = True,
        lora_request: Any = None,
    ) -> list[ScoreOutput]:
        """Log-probabilities of each prompt's tokens, or of its continuation alone; of one prompt with several
        continuations, of each. top: also of so many of the most probable ones."""
        texts = list(forms.each(prompts))
        nexts: list[Any] = [None] * len(texts)
        if continuations is not None:
            one = isinstance(continuations, str) or forms.is_ids(continuations)
            nexts = [continuations] if one else list(continuations)
        if len(texts) == 1:
            texts *= len(nexts)
        if len(nexts) != len(texts):
            raise ArgumentError(f"continuations: has {len(nexts)}, wanted {len(texts)}, one for each prompt")
        loras = ForEach("lora_request", lora_request, _LORA)
        tasks = []
        for i, (prompt, continuation) in enumerate(zip(texts, nexts)):
            tokens, start = self._join(self._read(prompt, i), continuation, i)
            request = self._request(SamplingParams(max_tokens=0, temperature=0, prompt_logprobs=top))
            request.c.prompt_logprobs_from = start
            tasks.append(Task(None, tokens, request, self._adapter(loras.take(i))))
        loras.end(len(texts))
        return self._collect(tasks, use_tqdm, self._score_output)

    def _join(self, read: Read, continuation: Any, i: int) -> tuple[np.ndarray, int]:
        """The tokens of both, and where the continuation begins. After a text it is tokenized together with it,
        as it would be read, and begins where that differs from the text alone."""
        if continuation is None:
            return read.tokens, 1
        if not isinstance(continuation, str) or read.text is None:
            after = self._continuation_alone(continuation, i)
            return np.concatenate([read.tokens, after]), max(1, len(read.tokens))
        if not continuation:
            raise ArgumentError(f"continuations[{i}]: is empty, wanted some text")
        whole = self.get_tokenizer().encode_array(read.text + continuation, read.add_special)
        n = min(len(whole), len(read.tokens))
        differs = np.nonzero(whole[:n] != read.tokens[:n])[0]
        return whole, max(1, int(differs[0]) if len(differs) else n)

    def _continuation_alone(self, continuation: Any, i: int) -> np.ndarray:
        if isinstance(continuation, str):
            after = self.get_tokenizer().encode_array(continuation, add_special_tokens=False)
        else:
            after = token_array(continuation, f"continuations[{i}]")
        if len(after) == 0:
            raise ArgumentError(f"continuations[{i}]: is empty, wanted at least one token")
        return after

    def _score_output(self, job: Job, _: str) -> ScoreOutput:
        events = job.prompt_events
        logprobs = np.fromiter((e.logprob for e in events), np.float32, len(events))
        raise_if_failed(job)
        return ScoreOutput(
            token_array=job.task.tokens,
            start=job.first_scored,
            logprobs=logprobs,
            sum_logprob=float(sum(e.logprob for e in events)),
            is_greedy=all(e.is_greedy for e in events),
            top=[np.frombuffer(e.top, TOP) for e in events],
            tokens=self._tokenizer.convert_ids_to_tokens(job.task.tokens.tolist()) if self._tokenizer else [],
        )

    def encode(self, prompts: Prompt | Sequence[Prompt]) -> list[np.ndarray]:
        """The token ids that the engine would read, of each prompt."""
        return [self._read(prompt, i).tokens for i, prompt in enumerate(forms.each(prompts))]

    # ---- From arguments to tasks

    def _read(self, prompt: Any, i: int) -> Read:
        return forms.read(prompt, self._tokenizer, f"prompts[{i}]")

    def _request(self, params: SamplingParams) -> Request:
        if self.seed is not None and params.seed is None:
            params = params.clone(seed=self.seed)
        return Request(params, self._tokenizer, self._vocab_size)

    def _tasks(self, prompts: Iterable[Any], params: Any, lora: Any, priority: Any) -> Iterator[Task]:
        """What the prompts ask for, as the iterator is read."""
        each_params = ForEach("sampling_params", self._default_params if params is None else params, (SamplingParams,))
        loras = ForEach("lora_request", lora, _LORA)
        priorities = ForEach("priority", priority, (int, np.integer))
        request, i = None, -1
        for i, prompt in enumerate(prompts):
            mine = each_params.take(i)
            if request is None or not each_params.is_shared:
                request = self._request(mine)
            read, lora = self._read(prompt, i), loras.take(i)
            tokens = self._truncated(read.tokens, request)
            yield Task(read.text, tokens, request, self._adapter(lora), priorities.take(i), lora)
        for each in (each_params, loras, priorities):
            each.end(i + 1)

    def _truncated(self, tokens: np.ndarray, request: Request) -> np.ndarray:
        """The last tokens of a prompt, as truncate_prompt_tokens asks: -1 leaves room for max_tokens."""
        limit = request.params.truncate_prompt_tokens
        if limit is None:
            return tokens
        if not isinstance(limit, (int, np.integer)) or limit < -1 or limit == 0:
            raise ArgumentError(f"truncate_prompt_tokens: is {limit!r}, wanted a whole number from 1 on, or -1")
        if limit == -1:
            room = 1 if request.params.max_tokens is None else request.c.max_tokens
            limit = max(1, self._plan.max_model_len - room)
        return tokens[-limit:]

    # ---- Running

    def _run(self, tasks: Iterable[Task]) -> Run:
        return Run(self.engine, tasks, self._plan.max_num_seqs)

    def _collect(self, tasks: Sequence[Task], use_tqdm: Any, make: Any = None) -> list[Any]:
        """The outputs of all tasks, in their order; none is computed if one cannot be."""
        self.engine.check(tasks)
        make = make or (lambda job, request_id: output(job, self._tokenizer, request_id))
        first_id = self._next_id
        self._next_id += len(tasks)
        results: list[Any] = [None] * len(tasks)
        run = self._run(tasks)
        with Bar(use_tqdm, len(tasks)) as bar, run.samples() as samples:
            for sample in samples:
                if run.count(sample):
                    job = sample.job
                    results[job.index] = make(job, str(first_id + job.index))
                    bar.finished(len(job.task.tokens))
                else:
                    bar.tick()
        return results

    # ---- Adapters and the rest

    def add_adapter(self, name: str, path: str | os.PathLike[str]) -> None:
        """Loads a low-rank adapter, which requests then name by lora_request."""
        self.engine.add_adapter(name, path)
        self._adapters[name] = os.fspath(path)

    def remove_adapter(self, name: str) -> None:
        self.engine.remove_adapter(name)
        self._adapters.pop(name, None)

    def _adapter(self, lora: LoRARequest | str | None) -> str | None:
        """The adapter of a prompt, loaded if need be."""
        if lora is None:
            return self.default_adapter
        if isinstance(lora, str):
            return lora
        name, path = lora.lora_name, os.fspath(lora.lora_path)
        known = self._adapters.get(name)
        if known is None:
            self.add_adapter(name, path)
        elif known != path:
            raise ArgumentError(f"lora_request: adapter {name!r} is {known}, wanted another name for {path}")
        return str(name)

    def get_tokenizer(self) -> Tokenizer:
        return self._tokenizer or self.model.tokenizer

    def get_default_sampling_params(self) -> SamplingParams:
        """What answers are drawn with where nothing is said: with generation_config="auto", as the model's says."""
        return self._default_params.clone()

    @property
    def plan(self) -> Plan:
        """What the engine takes, in bytes, and the limits that it found."""
        return self._plan

    @property
    def stats(self) -> Stats:
        return self.engine.stats()

    def close(self) -> None:
        """Frees the engine, and the model unless it was given. What is called afterwards raises ClosedError."""
        self.engine.close()
        if self._own_model:
            self.model.close()

    def __repr__(self) -> str:
        return f"parallm.LLM({self.model.path!r}{', closed' if self.engine.closed else ''})"


def _model_of(model: str | os.PathLike[str] | Model, revision: str | None, **options: Any) -> Model:
    if not isinstance(model, Model):
        try:
            return Model(model if revision is None else f"{os.fspath(model)}@{revision}", **options)
        except ArgumentError as wrong:  # an option of ours has another name there
            raise ArgumentError(re.sub("^quantize: ", "quantization: ", str(wrong))) from None
    defaults = Model.__init__.__kwdefaults__ or {}
    for name in ("dtype", "activations", "quantize", "chat_template", "isa"):
        if options[name] != defaults[name]:
            told = "quantization" if name == "quantize" else name
            raise ArgumentError(f"{told}: is {options[name]!r}, but the model is open already: wanted it where it was opened")
    return model


def _check_others(others: Mapping[str, Any]) -> None:
    for name, value in others.items():
        if name not in _WITHOUT_MEANING:
            raise unexpected("LLM", name, LLM.__init__.__kwdefaults__ or ())
        harmless = _WITHOUT_MEANING[name]
        if harmless and value not in harmless:
            raise ArgumentError(f"{name}: is {value!r}, wanted {harmless[0]!r}")
        if not harmless:
            warnings.warn(f"{name} means nothing to parallm", stacklevel=3)


def _tokenizer_of(tokenizer: Any, model: Model) -> Tokenizer | None:
    if tokenizer is None:
        return model.tokenizer if model.has_tokenizer else None
    return tokenizer if isinstance(tokenizer, Tokenizer) else Tokenizer(tokenizer)
