"""What must not go wrong: wrong values, use after close, forks, interrupts, threads, the garbage collector."""

import gc
import os
import pickle
import shutil
import signal
import threading
import time
import weakref

import pytest
from conftest import GEMMA, GGUF, MLX, TINY

import parallm
from parallm import LLM, Model, SamplingParams

LONG = SamplingParams(temperature=0, max_tokens=4000, ignore_eos=True)
SHORT = SamplingParams(temperature=0.9, seed=3, max_tokens=12, ignore_eos=True)
PROMPTS = [f"Once upon a time {i}" for i in range(20)]


def texts(llm, prompts=PROMPTS, params=SHORT):
    return [o.outputs[0].text for o in llm.generate(prompts, params, use_tqdm=False)]


# ---- Errors


@pytest.mark.parametrize(
    "fields, field",
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 2**40}, "n"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stop": [""]}, r"stop\[0\]"),
        ({"stop": ["a\0b"]}, r"stop\[0\]"),
        ({"stop": [5]}, r"stop\[0\]"),
        ({"stop_token_ids": ["x"]}, "stop_token_ids"),
        ({"stop_token_ids": [5, 10**6]}, r"stop_token_ids\[1\]: is token 1000000"),
        ({"allowed_token_ids": []}, "allowed_token_ids"),
        ({"allowed_token_ids": [10**6]}, "allowed_token_ids"),
        ({"logit_bias": {1: "x"}}, "logit_bias"),
        ({"logit_bias": {10**7: 1.0}}, "logit_bias"),
        ({"bad_words": [""]}, r"bad_words\[0\]"),
        ({"logprobs": 10**6}, "logprobs"),
    ],
)
def test_wrong_sampling_params(gemma, fields, field):
    with pytest.raises(parallm.ArgumentError, match=field):
        gemma.generate(PROMPTS, SamplingParams(**fields), use_tqdm=False)
    assert len(texts(gemma)) == len(PROMPTS)


@pytest.mark.parametrize(
    "prompt",
    [[], {}, {"text": "x"}, {"prompt": 5}, [10**6], [-1], [2**40], 5, None, {"prompt_token_ids": ["a"]}, [[1.5]]],
    ids=repr,
)
def test_wrong_prompts(gemma, prompt):
    with pytest.raises(parallm.ArgumentError):
        gemma.generate(["fine", prompt], SHORT, use_tqdm=False)
    stats = gemma.stats
    assert (stats.running, stats.waiting) == (0, 0)


def test_wrong_prompts_are_found_before_computing(gemma):
    before = gemma.stats.steps
    with pytest.raises(parallm.ArgumentError, match=r"prompts\[2\]: has 9000 tokens"):
        gemma.generate(["fine", "fine", [5] * 9000], SHORT, use_tqdm=False)
    assert gemma.stats.steps == before


def test_errors_by_class(tmp_path):
    with pytest.raises(parallm.FileError, match="no such file"):
        LLM(tmp_path / "missing")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    with pytest.raises(parallm.ParallmError, match="bad.gguf"):
        LLM(tmp_path / "bad.gguf")
    with pytest.raises(parallm.FormatError, match="chat_template"):
        LLM(MLX, chat_template="{% if %}")
    with pytest.raises(parallm.ArgumentError, match="dtype"):
        LLM(MLX, dtype="int3")
    with pytest.raises(parallm.ArgumentError, match="max_model_len"):
        LLM(MLX, max_model_len=10**6)
    with pytest.raises(parallm.ArgumentError, match="tensor_parallel_size"):
        LLM(MLX, tensor_parallel_size=2)
    with pytest.raises(TypeError, match="no_such_option"):
        LLM(MLX, no_such_option=2)
    with pytest.raises(parallm.FileError):
        LLM(MLX, lora_modules={"x": tmp_path / "missing"})
    assert issubclass(parallm.FormatError, parallm.ParallmError) and issubclass(parallm.FormatError, ValueError)


def test_sampling_as_the_model_says(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(MLX, folder)
    (folder / "generation_config.json").write_text('{"do_sample": true, "temperature": 0.6, "top_k": 20, "max_new_tokens": 7}')
    with LLM(folder) as llm:
        assert llm.get_default_sampling_params() == SamplingParams()
    with LLM(folder, generation_config="auto") as llm:
        told = llm.get_default_sampling_params()
        assert told == SamplingParams(temperature=0.6, top_k=20, max_tokens=7)
        told.max_tokens = 1
        assert len(llm.generate([[5, 6]], use_tqdm=False)[0].outputs[0].token_ids) <= 7
        assert llm.get_default_sampling_params().max_tokens == 7
    (folder / "generation_config.json").write_text('{"temperature": -3}')
    with pytest.raises(parallm.FormatError, match="generation_config.json: temperature"):
        LLM(folder, generation_config="auto")
    with pytest.raises(parallm.ArgumentError, match="generation_config"):
        LLM(folder, generation_config="sometimes")


def test_one_params_for_each_prompt(gemma):
    for count in (1, 3):
        with pytest.raises(parallm.ArgumentError, match="sampling_params"):
            gemma.generate(["a", "b"], [SHORT] * count, use_tqdm=False)


# ---- Close


def test_use_after_close():
    llm = LLM(MLX)
    model, tokenizer, engine, stream = llm.model, llm.get_tokenizer(), llm.engine, llm.stream(PROMPTS, LONG)
    next(stream)
    llm.close()
    llm.close()
    for use in (
        lambda: llm.generate("x"),
        lambda: llm.chat([{"role": "user", "content": "x"}]),
        lambda: llm.score("x"),
        lambda: llm.stats,
        lambda: llm.add_adapter("x", "y"),
        lambda: next(stream),
        lambda: engine.step(),
        lambda: engine.plan(),
        lambda: tokenizer.encode("x"),
        lambda: tokenizer.decode([1]),
        lambda: tokenizer.apply_chat_template([{"role": "user", "content": "x"}]),
        lambda: len(tokenizer),
        lambda: tokenizer.eos_token_id,
        lambda: model.info,
        lambda: model.describe(),
        lambda: LLM(model),
    ):
        with pytest.raises(parallm.ClosedError, match="was closed"):
            use()
    assert "closed" in repr(model) and "closed" in repr(tokenizer)


def test_results_outlive_the_model():
    with LLM(MLX) as llm:
        (output,) = llm.generate("x", SamplingParams(max_tokens=4, logprobs=2, prompt_logprobs=1), use_tqdm=False)
        before = output.outputs[0].logprobs[0], output.prompt_token_ids, output.prompt_logprobs[1]
    gc.collect()
    after = output.outputs[0].logprobs[0], output.prompt_token_ids, output.prompt_logprobs[1]
    assert [e.logprob for e in before[0].values()] == [e.logprob for e in after[0].values()]
    assert before[1] == after[1] and before[2].keys() == after[2].keys()


def test_results_travel(gemma):
    """To another process, where there is no tokenizer."""
    params = SamplingParams(max_tokens=4, seed=1, logprobs=2, prompt_logprobs=1)
    (output,) = gemma.generate("x", params, use_tqdm=False)
    (copy,) = pickle.loads(pickle.dumps([output]))
    assert list(copy.outputs[0].logprobs) == list(output.outputs[0].logprobs)
    assert list(copy.prompt_logprobs) == list(output.prompt_logprobs)
    assert copy.outputs[0].token_ids == output.outputs[0].token_ids and copy.outputs[0].text == output.outputs[0].text


def test_a_model_closes_after_its_engines():
    model = Model(MLX)
    first, second = LLM(model), LLM(model)
    expected = texts(first)
    first.close()
    model.close()
    with pytest.raises(parallm.ClosedError):
        LLM(model)
    assert [o.outputs[0].token_ids for o in second.generate([[5, 6]], SHORT, use_tqdm=False)][0]
    assert expected
    second.close()


def test_close_by_another_thread():
    llm = LLM(GEMMA)
    threading.Timer(0.3, llm.close).start()
    with pytest.raises(parallm.ClosedError):
        llm.generate(PROMPTS, LONG, use_tqdm=False)


# ---- Fork


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_is_refused(gemma):
    tokenizer, expected = gemma.get_tokenizer(), texts(gemma)
    stream = gemma.stream(PROMPTS, LONG)
    next(stream)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that computes would wait for threads that are not there
        said = []
        for use in (lambda: texts(gemma), lambda: list(stream), lambda: tokenizer.encode("x"), lambda: LLM(gemma.model)):
            try:
                use()
                said.append("nothing")
            except parallm.ForkError as refused:
                said.append(str(refused))
        gemma.close()  # frees nothing, and does not hang
        with LLM(MLX) as own:  # one of the child's own works
            said.append(str(len(texts(own))))
        os.write(write_end, "\n".join(said).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        *refusals, answers = pipe.read().splitlines()
    assert os.waitpid(child, 0)[1] == 0
    assert len(refusals) == 4 and all("forked" in r and "open it in the child" in r for r in refusals)
    assert answers == "20"
    stream.close()
    assert texts(gemma) == expected


# ---- Interrupts


def interrupt_after(seconds):
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def test_ctrl_c_leaves_the_engine_usable(gemma):
    expected = texts(gemma)
    for i in range(5):
        timer = interrupt_after(0.1 + 0.07 * i)
        with pytest.raises(KeyboardInterrupt):
            gemma.generate(PROMPTS, LONG, use_tqdm=False)
        timer.join()
        stats = gemma.stats
        assert (stats.running, stats.waiting) == (0, 0)
        assert texts(gemma) == expected


def test_ctrl_c_spares_other_runs(gemma):
    """An interrupted run loses nothing of a stream that shares its steps."""
    params = SamplingParams(temperature=0, max_tokens=4000, ignore_eos=True)
    expected = "".join(piece for _, piece in gemma.stream("Once", params))
    stream, pieces = gemma.stream("Once", params), []
    for i in range(12):
        pieces.append(next(stream)[1])
        timer = interrupt_after(0.02 + 0.003 * i)
        with pytest.raises(KeyboardInterrupt):
            gemma.generate(PROMPTS[:3], LONG, use_tqdm=False)
        timer.join()
    pieces += [piece for _, piece in stream]
    assert "".join(pieces) == expected


def test_an_exception_of_the_progress_callback_stops_loading():
    def report(what, done, total):
        raise ZeroDivisionError(what)

    with pytest.raises(ZeroDivisionError):
        Model(GEMMA, progress=report)
    with pytest.raises(parallm.ParallmError, match="interrupted"):
        Model(GEMMA, progress=lambda what, done, total: False)


def test_a_call_from_a_signal_handler_is_refused(gemma):
    """A handler that computes while its thread is in a step would take the events away from under it."""
    refused = []

    def handler(number, frame):
        try:
            gemma.engine.step()
        except parallm.BusyError as busy:
            refused.append(busy)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        result = texts(gemma, params=SamplingParams(temperature=0, max_tokens=400, ignore_eos=True))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert refused
    assert result == texts(gemma, params=SamplingParams(temperature=0, max_tokens=400, ignore_eos=True))


# ---- Threads


def in_threads(*functions):
    results = [None] * len(functions)

    def work(i):
        results[i] = functions[i]()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_engines_of_one_model_in_two_threads():
    with Model(GEMMA) as model, LLM(model, threads=1) as first, LLM(model, threads=1) as second:
        expected = texts(first)
        for _ in range(3):
            assert in_threads(lambda: texts(first), lambda: texts(second)) == [expected, expected]


def test_threads_share_an_engine(gemma):
    expected = texts(gemma)
    long = SamplingParams(temperature=0, max_tokens=200, ignore_eos=True)
    alone = texts(gemma, PROMPTS[:4], long)
    results = in_threads(*[lambda: texts(gemma)] * 3, *[lambda: texts(gemma, PROMPTS[:4], long)] * 2)
    assert results == [expected] * 3 + [alone] * 2


def test_other_threads_run_during_a_step(gemma):
    """The interpreter's lock is released: another thread counts while this one computes."""
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    thread.start()
    steps = gemma.stats.steps
    texts(gemma, PROMPTS * 5)
    steps = gemma.stats.steps - steps
    done.set()
    thread.join()
    assert counted[0] > steps


# ---- Garbage


def test_an_abandoned_stream_is_cancelled(gemma):
    stream = gemma.stream(PROMPTS, LONG)
    next(stream)
    stats = gemma.stats
    assert stats.running + stats.waiting == len(PROMPTS)
    del stream
    stats = gemma.stats
    assert (stats.running, stats.waiting) == (0, 0)


def test_garbage_in_the_middle_of_iteration(gemma):
    """Streams and whole engines that are garbage in cycles are collected while another run is iterated over."""
    expected = dict.fromkeys(range(3), "")
    for i, piece in gemma.stream(PROMPTS[:3], SHORT):
        expected[i] += piece
    got = dict.fromkeys(range(3), "")
    for count, (i, piece) in enumerate(gemma.stream(PROMPTS[:3], SHORT)):
        got[i] += piece
        cycle = [gemma.stream(PROMPTS, LONG)]
        next(cycle[0])
        cycle.append(cycle)
        if count % 8 == 0:
            other = [LLM(TINY)]
            other += [other, other[0].stream(["ab", "cd"], SamplingParams(max_tokens=50))]
            next(other[2])
            del other
        del cycle
        gc.collect()
    assert got == expected
    stats = gemma.stats
    assert (stats.running, stats.waiting) == (0, 0)


def test_nothing_keeps_an_engine_alive():
    llm = LLM(TINY)
    texts(llm, ["ab"])
    gone = weakref.ref(llm), weakref.ref(llm.engine), weakref.ref(llm.model)
    del llm
    gc.collect()
    assert [ref() for ref in gone] == [None, None, None]


def test_frequent_collection(gemma):
    thresholds = gc.get_threshold()
    expected = texts(gemma)
    gc.set_threshold(1, 1, 1)
    try:
        assert texts(gemma) == expected
    finally:
        gc.set_threshold(*thresholds)


# ---- Many requests


def test_a_window_of_requests_is_in_memory():
    """10,000 prompts from an iterator: they are read as answers are finished, and none is lost."""
    read, most = [0], 0

    def prompts():
        for i in range(10_000):
            read[0] += 1
            yield [i % 200, 5, 7]

    seen = set()
    with LLM(TINY, max_num_seqs=64) as llm:
        for output in llm.generate_iter(prompts(), SamplingParams(max_tokens=2, temperature=0, ignore_eos=True)):
            seen.add(int(output.request_id))
            most = max(most, read[0] - len(seen))
            assert len(output.outputs[0].token_ids) == 2
    assert seen == set(range(10_000))
    assert most <= 2048 + 1


def test_many_requests_at_once():
    with LLM(GGUF) as llm:
        outputs = llm.generate([[i % 600] for i in range(10_000)], SamplingParams(max_tokens=1), use_tqdm=False)
    assert [o.prompt_token_ids for o in outputs] == [[i % 600] for i in range(10_000)]
    assert [o.request_id for o in outputs] == [str(i) for i in range(10_000)]
