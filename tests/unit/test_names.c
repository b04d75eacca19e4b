#include "model/names.h"

#include "model/families/families.h"
#include "test.h"

static void assert_name(const struct family *f, bool is_gguf, enum tensor_slot slot, const char *want)
{
    char name[TENSOR_NAME_BYTES];
    assert_int_equal(name_of_tensor(name, sizeof name, f, is_gguf, slot, 12, 3), want != NULL);
    if (want)
        assert_string_equal(name, want);
}

static void names_tensors(void **state)
{
    (void)state;
    assert_name(&family_mixtral, false, T_Q, "model.layers.12.self_attn.q_proj.weight"); /* of its base's base */
    assert_name(&family_mixtral, false, T_EXPERT_UP, "model.layers.12.block_sparse_moe.experts.3.w3.weight");
    assert_name(&family_mixtral, false, T_EXPERTS_UP, "model.layers.12.block_sparse_moe.switch_mlp.up_proj.weight");
    assert_name(&family_qwen3_moe, false, T_EXPERTS_DOWN, "model.layers.12.mlp.switch_mlp.down_proj.weight");
    assert_name(&family_qwen3_moe, true, T_EXPERTS_DOWN, "blk.12.ffn_down_exps.weight");
    assert_name(&family_llama, false, T_EXPERTS_DOWN, NULL);
    assert_name(&family_phi3, false, T_Q, NULL); /* taken out of what its base has */
    assert_name(&family_llama, false, T_HEAD, "lm_head.weight");
    assert_name(&family_seed_oss, true, T_NORM_MLP_IN, "blk.12.post_attention_norm.weight"); /* its own */
    assert_name(&family_seed_oss, true, T_NORM_ATTN_IN, "blk.12.attn_norm.weight");
    assert_name(&family_llama, true, T_NORM_MLP_IN, "blk.12.ffn_norm.weight");
}

static void tells_weights_of_layers(void **state)
{
    (void)state;
    assert_true(name_is_of_layer("model.layers.0.x.weight", false));
    assert_true(name_is_of_layer("model.layers.99.x.bias", false));
    assert_true(name_is_of_layer("blk.0.ffn_gate_shexp.weight", true));
    assert_false(name_is_of_layer("blk.0.ffn_gate_shexp.weight", false));
    assert_false(name_is_of_layer("blk.0.attn_rot_embd.weight", true));
    assert_false(name_is_of_layer("model.layers.0.self_attn.rotary_emb.inv_freq", false));
    assert_false(name_is_of_layer("rope_freqs.weight", true));
    assert_false(name_is_of_layer("lm_head.weight", false));
    assert_false(name_is_of_layer("", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_tensors), cmocka_unit_test(tells_weights_of_layers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
