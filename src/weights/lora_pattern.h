/* Patterns of PEFT's rank_pattern and alpha_pattern: regular expressions that match the end of a module's name.
 *
 * They come from strangers, so they are run without backtracking over sets of positions, and within a budget of
 * steps. Known are . * + ? | ( ) (?: ) [ ] \d \w and escaped punctuation; a "^" in front and a "$" behind. */
#ifndef PARALLM_WEIGHTS_LORA_PATTERN_H
#define PARALLM_WEIGHTS_LORA_PATTERN_H

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_BAD /* malformed, unknown or too costly */ };

/* Steps for all matches of one adapter: hundreds of plain names cost one each, so only an attack runs out. */
enum { PATTERN_STEPS = 1000000 };

/* As Python's re.match("(.*\\.)?(PATTERN)$", name): all of `name`, or what follows one of its dots. Takes what it
 * costs from *steps. */
enum pattern_result lora_pattern_match(const char *pattern, const char *name, int *steps);

#endif
