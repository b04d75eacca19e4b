#!/usr/bin/env python3
"""vLLM, OpenVINO GenAI or transformers measured as llama-batched-bench measures llama.cpp: a peer for side_by_side.py.

usage: peers.py vllm|openvino|transformers --model FOLDER [--dummy] [options of llama-batched-bench]

Prompts are random token ids, different in every run, and the end of a sequence is ignored. Prefill is the time of one token each;
decoding the time of the others. Prints a JSON object a line: pl (sequences), speed_pp, speed_tg (tokens per second of all together).
--dummy (vLLM): FOLDER holds a config.json alone, the weights are random. In side_by_side.py, with the environment's Python:
    --peer "vLLM=env/bin/python,bench/peers.py,vllm,--model,FOLDER"
"""
import argparse
import json
import os
import random
import sys
import time


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program", choices=["vllm", "openvino", "transformers"])
    p.add_argument("--model", required=True)
    p.add_argument("--dummy", action="store_true")
    p.add_argument("-t", type=int, default=2, dest="threads")
    p.add_argument("-npp", type=int, default=64, dest="prompt_tokens")
    p.add_argument("-ntg", type=int, default=32, dest="gen_tokens")
    p.add_argument("-npl", default="1,8,32", dest="parallel")
    p.add_argument("-tb")  # or it would be read as "-t b"
    a, _ = p.parse_known_args()  # the rest, with -m and the GGUF file, concerns llama.cpp alone
    with open(os.path.join(a.model, "config.json"), encoding="utf-8") as f:
        a.n_words = json.load(f)["vocab_size"]
    a.counts = [int(n) for n in a.parallel.split(",")]
    return a


def vllm(a):
    os.environ.update(VLLM_CPU_KVCACHE_SPACE="2", VLLM_CPU_OMP_THREADS_BIND="0-%d" % (a.threads - 1), OMP_NUM_THREADS=str(a.threads),
                      VLLM_LOGGING_LEVEL="ERROR")
    from vllm import LLM, SamplingParams

    llm = LLM(model=a.model, dtype="bfloat16", max_model_len=a.prompt_tokens + a.gen_tokens + 8, max_num_seqs=max(a.counts),
              enable_prefix_caching=False, skip_tokenizer_init=True, load_format="dummy" if a.dummy else "auto", seed=0)

    def run(prompts, n):
        params = SamplingParams(temperature=0, max_tokens=n, min_tokens=n, ignore_eos=True, detokenize=False)
        made = llm.generate([{"prompt_token_ids": p} for p in prompts], params, use_tqdm=False)
        return sum(len(r.outputs[0].token_ids) for r in made)

    return run


def openvino(a):
    import openvino as ov
    import openvino_genai as genai

    scheduler = genai.SchedulerConfig()
    scheduler.cache_size, scheduler.max_num_seqs, scheduler.enable_prefix_caching = 2, max(a.counts), False
    pipe = genai.ContinuousBatchingPipeline(a.model, scheduler, "CPU", {"KV_CACHE_PRECISION": "u8", "INFERENCE_NUM_THREADS": a.threads})

    def run(prompts, n):
        config = genai.GenerationConfig(max_new_tokens=n, min_new_tokens=n, ignore_eos=True, do_sample=False)
        handles = [pipe.add_request(i, ov.Tensor([p]), config) for i, p in enumerate(prompts)]
        while pipe.has_non_finished_requests():
            pipe.step()
        return sum(len(h.read_all()[0].generated_ids) for h in handles)

    return run


def transformers(a):
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(a.threads)
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.bfloat16)

    def run(prompts, n):
        with torch.inference_mode():
            ids = torch.tensor(prompts)
            made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, min_new_tokens=n, do_sample=False)
        return (made.shape[1] - ids.shape[1]) * len(prompts)

    return run


def seconds_of(run, a, n_sequences, n_tokens):
    prompts = [[random.randrange(3, a.n_words) for _ in range(a.prompt_tokens)] for _ in range(n_sequences)]
    begun = time.perf_counter()
    made = run(prompts, n_tokens)
    if made != n_sequences * n_tokens:
        sys.exit("peers.py: %d tokens came, %d were asked for" % (made, n_sequences * n_tokens))
    return time.perf_counter() - begun


def main():
    a = parse_arguments()
    run = {"vllm": vllm, "openvino": openvino, "transformers": transformers}[a.program](a)
    seconds_of(run, a, 2, 2)  # whatever is done once
    for n in a.counts:
        first = seconds_of(run, a, n, 1)
        all_tokens = seconds_of(run, a, n, 1 + a.gen_tokens)
        print(json.dumps({"pl": n, "speed_pp": n * a.prompt_tokens / first, "speed_tg": n * a.gen_tokens / (all_tokens - first)}), flush=True)


if __name__ == "__main__":
    main()
