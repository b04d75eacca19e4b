"""Threads, signals and the garbage collector at once, on one engine and on several: nothing is lost, nothing crashes."""

import gc
import random
import signal
import threading
import time

from conftest import GEMMA, MLX, TINY

import parallm
from parallm import LLM, Model, SamplingParams

SECONDS = 10
PROMPTS = [f"Once upon a time {i}" for i in range(6)]
PARAMS = SamplingParams(temperature=0.9, seed=3, max_tokens=10, ignore_eos=True, logprobs=2, n=2)
ENDLESS = SamplingParams(temperature=0, max_tokens=1000, ignore_eos=True)


class Interrupt(Exception):
    """What the test's signal handler raises, in the main thread, anywhere."""


def answers(llm):
    return [[a.text for a in o.outputs] for o in llm.generate(PROMPTS, PARAMS, use_tqdm=False)]


class Worker(threading.Thread):
    """Does one of several things again and again until `until`; what goes wrong is kept."""

    def __init__(self, seed, until, llm, model, expected):
        super().__init__()
        self.random, self.until, self.llm, self.model, self.expected = random.Random(seed), until, llm, model, expected
        self.wrong, self.rounds = None, 0

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.random.choice([self.shared, self.own, self.abandon, self.tokenize])()
                self.rounds += 1
        except BaseException as wrong:
            self.wrong = wrong

    def shared(self):
        assert answers(self.llm) == self.expected

    def own(self):
        """An engine of its own on the same weights; closed, or left to the collector with a stream on it."""
        llm = LLM(self.model, threads=1, max_num_seqs=8)
        assert answers(llm) == self.expected
        if self.random.random() < 0.5:
            llm.close()
        else:
            self.left = [llm, llm.stream(PROMPTS, ENDLESS)]
            next(self.left[1])
            self.left = [self.left]

    def abandon(self):
        stream = self.llm.stream(PROMPTS, ENDLESS)
        for _ in range(self.random.randrange(1, 20)):
            next(stream)
        cycle = [stream]
        cycle.append(cycle)

    def tokenize(self):
        tokenizer = self.llm.get_tokenizer()
        ids = [tokenizer.encode(p) for p in PROMPTS * 10]
        assert tokenizer.batch_decode(ids[:6], skip_special_tokens=True) == PROMPTS


def interrupted_rounds(llm, expected, until, armed):
    """The main thread: computes, and is interrupted anywhere. How often it was, and how often it was not."""
    counts = {True: 0, False: 0}
    while time.monotonic() < until:
        try:
            armed[0] = True  # the handler disarms itself: nothing is raised outside of here
            assert answers(llm) == expected
            counts[False] += 1
            armed[0] = False
        except Interrupt:
            counts[True] += 1
    return counts


def test_all_at_once():
    thresholds = gc.get_threshold()
    model = Model(GEMMA)
    llm = LLM(model)
    expected = answers(llm)
    until = time.monotonic() + SECONDS
    workers = [Worker(seed, until, llm, model, expected) for seed in range(3)]
    armed = [False]

    def handler(number, frame):
        gc.collect(0)
        if armed[0] and random.random() < 0.3:
            armed[0] = False
            raise Interrupt

    before = signal.signal(signal.SIGALRM, handler)
    for worker in workers:
        worker.start()
    gc.set_threshold(5, 2, 2)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.03)
    try:
        counts = interrupted_rounds(llm, expected, until, armed)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.set_threshold(*thresholds)
    for worker in workers:
        worker.join()
    assert [worker.wrong for worker in workers] == [None] * len(workers)
    assert all(worker.rounds for worker in workers) and counts[True]
    gc.collect()
    stats = llm.stats
    assert (stats.running, stats.waiting) == (0, 0)
    assert answers(llm) == expected
    llm.close()
    model.close()


def test_open_and_close_again_and_again():
    for i in range(30):
        with LLM([TINY, MLX][i % 2], max_num_seqs=4) as llm:
            stream = llm.stream([[5, 6], [7, 8]], SamplingParams(max_tokens=20))
            next(stream)
            if i % 3 == 0:
                llm.close()
                try:
                    next(stream)
                except parallm.ClosedError:
                    continue
