/* Products of quantized weights with int8 activations, AVX2.
 *
 * A panel is 16 outputs: two registers of 8 outputs by 4 values of k (quant_panel.h); a tile is 4 rows, the last ones 1 to 5.
 * vpmaddubsw multiplies codes (unsigned) with a row's four broadcast bytes; what happens to the 16-bit pairs
 * is a matter of the type:
 *   sums of 16   Types of up to 5 bits with one scale per 32. Eight results of a block are added in 16 bits and
 *                one vpmaddwd closes the block. The sum starts at -offset times the sum of the lane's
 *                activations: intermediate sums may wrap, the last one fits, as |q| <= 16 and 16 x 16 x 127 < 2^15.
 *   halves       6, 3 and 2 bits with a scale per 16. The same over half a block (8 x 32 x 127 < 2^15); the closing
 *                vpmaddwd multiplies with the integer scales.
 *   signed       8 bits and tables. vpmaddubsw of |q| and sign(q) x, widened at once: 2 x 128 x 127 < 2^15.
 * Activations of 15 bits (A15) are two planes of int8: sums over either, in 32 bits A15_RADIX times the first and the second
 * are added, and a block is closed once for both.
 * Float sums live in the first-level cache (one load and one store per block), as 16 registers are few: with them
 * in registers every tile would be half as large. Codes are unpacked by the first tile and kept in the
 * first-level cache for the others, 512 values of k at a time; meanwhile each tile asks the memory for its share of a
 * stretch to come.
 *
 * Order of a sum: blocks of 32 one after another, acc += isum * x.scale * w.scale, then the minimum's part. */
#include "base/mem.h"
#include "kernels/a8_avx2.h"
#include "kernels/inline.h"
#include "kernels/quant_panel.h"
#include "kernels/tiers.h"

#include <immintrin.h>
#include <string.h>

#define TIER(name) name##_avx2

enum { LANES = 8, PANEL = 16, TILE = 4, HIGHEST = 5, GROUPS = 8 };
enum { STAGE = 16 };          /* blocks of K whose codes are kept unpacked at a time; half as many where they take two vectors */
enum { PASS_ROWS = 128 };     /* rows whose float sums are kept at a time */

/* How far ahead of itself a tile asks for weights. One row is as fast as the memory: near, into the first-level cache.
 * More rows leave it time: far, into the second-level cache, where more lines can be under way. */
enum { AHEAD_NEAR = 4096, AHEAD_FAR = 16384 };

/* ---- Activations ---------------------------------------------------------------------------------- */

/* Rows come in tiles of TILE, one after another; the last of them takes a row that is left over, two are left as 3 + 3: a
 * tile of one row takes much more than its share, and five sums in two registers each are what there is room for. A tile of
 * h rows holds for each block of 32, one block after another,
 *     scale   float [h]
 *     sum     float [h]: scale times the sum of the integers
 *     and for each plane
 *         start   int16 [h][2]: -8 times the sum of q where k % 4 < 2, and where not (lanes of vpmaddubsw)
 *         q       int8 [8][h][4]: four values of each row, so that a row's broadcasts are a constant apart
 * and then, for each block and plane, what only types with a scale per 16 read:
 *     half    int16 [2][h][2]: -4 times the lanes' sums of either half
 *     halves  int16 [h][2]: sums of q of either half */
enum { AT_SCALE = 0, AT_SUM = 4, AT_PLANES = 8, AT_START = 0, AT_Q = 4, PLANE_BYTES = 36 }; /* times h */
enum { AT_FIRST_Q = AT_PLANES + AT_Q }; /* what products count from, so that most distances fit into a byte */
enum { AT_HALF = 0, AT_HALVES = 8, EXTRA_BYTES = 12 };                                     /* of a plane */

static int block_count(int K)
{
    return (K + A8_BLOCK - 1) / A8_BLOCK;
}

/* Of a block of one row, but for the extra. */
INLINE int row_bytes(int planes)
{
    return AT_PLANES + planes * PLANE_BYTES;
}

static size_t tile_bytes(int rows, int K, int planes)
{
    return mem_round_up((size_t)(block_count(K) * rows) * (size_t)(row_bytes(planes) + planes * EXTRA_BYTES), MEM_ALIGN);
}

static int tile_count(int rows)
{
    return rows < TILE ? rows > 0 : (rows + TILE - 2) / TILE;
}

/* Tiles of TILE rows before the last one or two. */
static int whole_tiles(int rows)
{
    return rows < 2 * TILE ? 0 : rows / TILE - 1;
}

/* Rows of tile i of `rows` rows. Not inline: the compiler would double the loops over tiles, and all that is inlined into them,
 * for the two ways through whole_tiles. */
static __attribute__((noinline)) int tile_rows(int rows, int i)
{
    int whole = whole_tiles(rows), even = rows - whole * TILE, n = tile_count(even);
    return i < whole ? TILE : even / n + (i - whole < even % n);
}

static size_t packed_bytes(int rows, int K, int planes)
{
    int whole = whole_tiles(rows);
    size_t bytes = (size_t)whole * tile_bytes(TILE, K, planes);
    for (int i = whole; i < tile_count(rows); i++)
        bytes += tile_bytes(tile_rows(rows, i), K, planes);
    return bytes;
}

/* Both int16 of a half: sums of q where k % 4 < 2 and where not. */
static __m128i half_lanes(__m128i pairs)
{
    pairs = _mm_add_epi16(pairs, _mm_shuffle_epi32(pairs, 0x4e));
    return _mm_add_epi16(pairs, _mm_shuffle_epi32(pairs, 0xb1));
}

/* One plane of a block. Adds the sums of either half to A15_RADIX times what `sum` holds. */
INLINE void pack_plane(char *to, char *extra, int h, int r, __m256i q, int sum[2])
{
    int32_t words[GROUPS];
    a8_words(words, q);
    for (int g = 0; g < GROUPS; g++)
        store_int(to + AT_Q * h + (g * h + r) * 4, words[g]);
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), q);
    __m128i half0 = half_lanes(_mm256_castsi256_si128(pairs)), half1 = half_lanes(_mm256_extracti128_si256(pairs, 1));
    const __m128i one = _mm_set1_epi16(1), zero = _mm_setzero_si128();
    int sum0 = _mm_cvtsi128_si32(_mm_madd_epi16(half0, one)), sum1 = _mm_cvtsi128_si32(_mm_madd_epi16(half1, one));
    store_int(to + AT_START * h + 4 * r,
              _mm_cvtsi128_si32(_mm_sub_epi16(zero, _mm_slli_epi16(_mm_add_epi16(half0, half1), 3))));
    store_int(extra + 4 * r, _mm_cvtsi128_si32(_mm_sub_epi16(zero, _mm_slli_epi16(half0, 2))));
    store_int(extra + 4 * (h + r), _mm_cvtsi128_si32(_mm_sub_epi16(zero, _mm_slli_epi16(half1, 2))));
    store_int(extra + AT_HALVES * h + 4 * r, (sum0 & 0xffff) | (int)((unsigned)sum1 << 16));
    sum[0] = A15_RADIX * sum[0] + sum0;
    sum[1] = A15_RADIX * sum[1] + sum1;
}

INLINE void pack_row(char *tile, int h, int r, const float *in, int K, const int planes)
{
    int blocks = block_count(K);
    char *extra = tile + (size_t)(blocks * h * row_bytes(planes));
    float tail[A8_BLOCK];
    for (int b = 0; b < blocks; b++, tile += h * row_bytes(planes)) {
        struct a8_block x = a8_quantize(a8_block_values(tail, in, b, K), planes);
        int sum[2] = {0, 0};
        for (int plane = 0; plane < planes; plane++, extra += h * EXTRA_BYTES)
            pack_plane(tile + (AT_PLANES + plane * PLANE_BYTES) * h, extra, h, r, x.q[plane], sum);
        store_float(tile + AT_SCALE * h + 4 * r, x.scale);
        store_float(tile + AT_SUM * h + 4 * r, x.scale * (float)(sum[0] + sum[1]));
    }
}

INLINE void pack_rows(void *packed, const float *in, size_t stride, int rows, int K, const int planes)
{
    char *tile = packed;
    for (int i = 0; i < tile_count(rows); i++) {
        int h = tile_rows(rows, i);
        for (int r = 0; r < h; r++, in += stride)
            pack_row(tile, h, r, in, K, planes);
        tile += tile_bytes(h, K, planes);
    }
}

#define ACT_FORM(NAME, PLANES)                                                                                         \
    static size_t NAME##_bytes(int rows, int K)                                                                        \
    {                                                                                                                  \
        return packed_bytes(rows, K, PLANES);                                                                          \
    }                                                                                                                  \
    static void NAME##_pack(void *packed, const float *in, size_t stride, int rows, int K)                             \
    {                                                                                                                  \
        pack_rows(packed, in, stride, rows, K, PLANES);                                                                \
    }                                                                                                                  \
    static const struct act_kernel NAME = {#NAME, TILE, TILE, NAME##_bytes, NAME##_pack};

ACT_FORM(a8, 1)
ACT_FORM(a15, 2)

/* ---- Formats -------------------------------------------------------------------------------------- */

enum scheme { SUMS, HALVES, SIGNED };

struct tile;
struct stage;
typedef void staged_fn(const struct tile *t, int n, struct stage *stage);

/* What the code is specialised for; all are constants where they are used. */
struct format {
    int planes;
    staged_fn *staged; /* two planes: a tile whose codes stand in the stage */
    enum scheme scheme;
    int offset; /* SUMS, HALVES: q = code - offset */
    bool dmin, table;
    struct quant_layout layout; /* MLX: blocks and scale_type come from the panel */
    bool mlx;
};

/* Unpacked codes and scales of STAGE blocks, for all tiles but the first. */
struct stage {
    __m256i code[STAGE][GROUPS][2]; /* SIGNED: of block b, q at 2b and |q| at 2b + 1 */
    __m256 d[STAGE][2], m[STAGE][2];
    __m256i sub[STAGE][2][2];    /* HALVES: of each half, int16 twice for each output */
    __m256i submin[STAGE][2];    /* HALVES with minima: int16 of both halves for each output */
};

/* A place along K: in a panel, and in the rows of a tile. */
struct place {
    const uint8_t *header, *block;
    const char *a, *extra;
};

INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

INLINE __m256i broadcast_int(const char *p)
{
    return _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)p));
}

INLINE __m256 broadcast_float(const char *p)
{
    return _mm256_broadcast_ss((const float *)(const void *)p);
}

/* Keeps the compiler from reordering sums of integers: it would need more registers than there are. */
INLINE __m256i keep(__m256i v)
{
    __asm__("" : "+x"(v));
    return v;
}

/* The field of each byte that begins at bit `from`, moved to bit `to`. */
INLINE __m256i field(__m256i v, int from, int to, int mask)
{
    if (from > to)
        v = _mm256_srli_epi16(v, from - to);
    if (from < to)
        v = _mm256_slli_epi16(v, to - from);
    return _mm256_and_si256(v, _mm256_set1_epi8((char)(mask << to)));
}

/* Vector v = 2g + p of a plane of `bits` bits, moved to bit `to`. */
INLINE __m256i plane_vector(const uint8_t *plane, int bits, int v, int to)
{
    int per = 8 / bits;
    return field(load(plane + v / per * 32), v % per * bits, to, (1 << bits) - 1);
}

INLINE __m256i codes(const struct format *f, const uint8_t *block, int v)
{
    const struct quant_layout *l = &f->layout;
    const uint8_t *low = block + quant_sub_bytes(l, PANEL), *high = low + PANEL * 4 * l->low_bits;
    if (l->low_bits == 8)
        return load(low + 32 * v);
    __m256i c = plane_vector(low, l->low_bits, v, 0);
    if (l->high_bits > 0)
        c = _mm256_or_si256(c, plane_vector(high, l->high_bits, v, l->low_bits));
    if (f->table)
        c = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)iq4_level)), c);
    return c;
}

/* Eight floats of a header. */
INLINE __m256 header_floats(const uint8_t *p, enum block_type type, int i)
{
    if (type == TYPE_F32)
        return _mm256_loadu_ps((const float *)(const void *)p + i);
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(p + 2 * i));
    if (type == TYPE_F16)
        return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

INLINE __m256 bytes_to_floats(const uint8_t *p, bool sign)
{
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm256_cvtepi32_ps(sign ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
}

/* Factors of the sums and of the activations' sums, for outputs of half p of the panel. */
INLINE void scales(const struct format *f, enum block_type scale_type, const struct place *at, int p, __m256 *d, __m256 *m)
{
    *d = header_floats(at->header, scale_type, 8 * p);
    *m = f->dmin ? header_floats(at->header, scale_type, PANEL + 8 * p) : _mm256_setzero_ps();
    if (f->layout.sub == SUB_SCALE)
        *d = _mm256_mul_ps(*d, bytes_to_floats(at->block + 8 * p, true));
    if (f->layout.sub == SUB_SCALE_MIN) {
        *d = _mm256_mul_ps(*d, bytes_to_floats(at->block + 8 * p, false));
        *m = _mm256_mul_ps(*m, bytes_to_floats(at->block + PANEL + 8 * p, false));
        *m = _mm256_sub_ps(_mm256_setzero_ps(), *m);
    }
    if (f->layout.sub == SUB_HALF_NIBBLES)
        *m = _mm256_sub_ps(_mm256_setzero_ps(), *m);
    int shift = f->scheme == SUMS ? f->offset : f->mlx ? 128 : 0; /* q = code - shift, but the minimum counts from code 0 */
    if (f->dmin && shift > 0)
        *m = _mm256_fmadd_ps(*d, _mm256_set1_ps((float)shift), *m);
}

/* HALVES: the integer scales of half h, each as int16 in both halves of an output's lane. */
INLINE __m256i half_scales(const struct format *f, const uint8_t *block, int h, int p)
{
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(block + PANEL * h + 8 * p));
    __m256i s = f->layout.sub == SUB_HALVES ? _mm256_cvtepi8_epi32(bytes)
                                            : _mm256_and_si256(_mm256_cvtepu8_epi32(bytes), _mm256_set1_epi32(15));
    return _mm256_or_si256(_mm256_and_si256(s, _mm256_set1_epi32(0xffff)), _mm256_slli_epi32(s, 16));
}

/* HALVES with minima: of half 0 in the lower, of half 1 in the upper int16 of an output's lane. */
INLINE __m256i half_minima(const uint8_t *block, int p)
{
    __m256i low = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(block + 8 * p)));
    __m256i high = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(block + PANEL + 8 * p)));
    return _mm256_or_si256(_mm256_srli_epi32(low, 4), _mm256_slli_epi32(_mm256_srli_epi32(high, 4), 16));
}

/* ---- One block of a tile -------------------------------------------------------------------------- */

/* Where a tile's codes come from: the panel; the panel, and into the stage; the stage. */
enum role { ALONE, FIRST, STAGED };

INLINE __m256i fetch(const struct format *f, enum role role, const uint8_t *block, __m256i (*stage)[2], int g, int p)
{
    if (role == STAGED)
        return _mm256_load_si256(&stage[g][p]);
    __m256i c = codes(f, block, 2 * g + p);
    if (role == FIRST)
        _mm256_store_si256(&stage[g][p], c);
    return c;
}

/* The integers of a plane of a tile's block. */
INLINE const char *plane_at(const struct place *at, int plane, int h)
{
    return at->a + plane * PLANE_BYTES * h;
}

/* A15_RADIX times the sums over the planes before, and the last one's. */
INLINE __m256i add_plane(__m256i before, __m256i sum)
{
    return _mm256_add_epi32(_mm256_slli_epi32(before, A15_RADIX_BITS), sum);
}

/* s += pairs of q x over groups g .. end-1, in 16 bits; `half`: of the block, of HALVES. */
INLINE void add_pairs(const struct format *f, enum role role, __m256i (*s)[2], const struct place *at, __m256i (*stage)[2],
                      int plane, const int half, const int h)
{
    const char *a = plane_at(at, plane, h), *extra = at->extra + plane * EXTRA_BYTES * h;
    const int groups = f->scheme == HALVES ? GROUPS / 2 : GROUPS, from = half * groups;
    const int shift = f->scheme == HALVES ? (f->offset == 32 ? 3 : 0) : (f->offset == 16 ? 1 : 0);
    UNROLLED for (int g = from; g < from + groups; g++) {
        __m256i w0 = fetch(f, role, at->block, stage, g, 0), w1 = fetch(f, role, at->block, stage, g, 1);
        UNROLLED for (int r = 0; r < h; r++) {
            __m256i x = broadcast_int(a + 4 * (g * h + r));
            __m256i t0 = _mm256_maddubs_epi16(w0, x), t1 = _mm256_maddubs_epi16(w1, x);
            if (g == from && f->offset == 0) {
                s[r][0] = t0;
                s[r][1] = t1;
                continue;
            }
            if (g == from) { /* what the sums begin with */
                const char *start = f->scheme == HALVES ? extra + (AT_HALF + 4 * half) * h : a + (AT_START - AT_Q) * h;
                s[r][0] = broadcast_int(start + 4 * r);
                if (shift > 0)
                    s[r][0] = _mm256_slli_epi16(s[r][0], shift);
                s[r][1] = s[r][0];
            }
            s[r][0] = keep(_mm256_add_epi16(s[r][0], t0));
            s[r][1] = keep(_mm256_add_epi16(s[r][1], t1));
        }
    }
}

/* Before the sums over a plane are added. */
INLINE void next_plane(const struct format *f, __m256i (*s)[2], const int h)
{
    if (f->planes == 1)
        return;
    UNROLLED for (int r = 0; r < h; r++)
        UNROLLED for (int p = 0; p < 2; p++)
            s[r][p] = _mm256_slli_epi32(s[r][p], A15_RADIX_BITS);
}

INLINE void sums_plane(const struct format *f, enum role role, __m256i (*s)[2], const struct place *at, __m256i (*stage)[2],
                       int plane, const int h)
{
    __m256i t[HIGHEST][2];
    add_pairs(f, role, t, at, stage, plane, 0, h);
    UNROLLED for (int r = 0; r < h; r++)
        UNROLLED for (int p = 0; p < 2; p++) {
            __m256i sum = _mm256_madd_epi16(t[r][p], _mm256_set1_epi16(1));
            s[r][p] = f->planes == 1 ? sum : _mm256_add_epi32(s[r][p], sum);
        }
}

INLINE void halves_plane(const struct format *f, enum role role, __m256i (*s)[2], const struct place *at,
                         __m256i (*stage)[2], __m256i (*sub)[2], int plane, const int h)
{
    UNROLLED for (int half = 0; half < 2; half++) {
        __m256i t[HIGHEST][2];
        add_pairs(f, role, t, at, stage, plane, half, h);
        UNROLLED for (int p = 0; p < 2; p++) {
            __m256i scale = role == STAGED ? _mm256_load_si256(&sub[half][p]) : half_scales(f, at->block, half, p);
            if (role == FIRST)
                _mm256_store_si256(&sub[half][p], scale);
            UNROLLED for (int r = 0; r < h; r++) {
                __m256i sum = _mm256_madd_epi16(t[r][p], scale);
                s[r][p] = f->planes == 1 && half == 0 ? sum : _mm256_add_epi32(s[r][p], sum);
            }
        }
    }
}

/* `stage`: of q and of |q|. */
INLINE void signed_plane(const struct format *f, enum role role, __m256i (*s)[2], const struct place *at,
                         __m256i (*stage)[GROUPS][2], int plane, const int h)
{
    const __m256i one = _mm256_set1_epi16(1);
    const char *a = plane_at(at, plane, h);
    UNROLLED for (int g = 0; g < GROUPS; g++) {
        UNROLLED for (int p = 0; p < 2; p++) {
            __m256i w = fetch(f, role, at->block, stage[0], g, p);
            __m256i magnitude = role == STAGED ? _mm256_load_si256(&stage[1][g][p]) : _mm256_abs_epi8(w);
            if (role == FIRST)
                _mm256_store_si256(&stage[1][g][p], magnitude);
            UNROLLED for (int r = 0; r < h; r++) {
                __m256i x = broadcast_int(a + 4 * (g * h + r));
                __m256i t = _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(x, w)), one);
                s[r][p] = f->planes == 1 && g == 0 ? t : keep(_mm256_add_epi32(s[r][p], t));
            }
        }
    }
}

/* Sums over a block: of the planes one after another, times A15_RADIX before the next. */
INLINE void dot_block(const struct format *f, enum role role, __m256i (*s)[2], const struct place *at, struct stage *stage,
                      int b, const int h)
{
    int planes = f->planes;
    if (f->planes > 1) {
        __asm__("" : "+r"(planes)); /* no constant: the body is too large to stand there twice */
        UNROLLED for (int r = 0; r < h; r++)
            s[r][0] = s[r][1] = _mm256_setzero_si256();
    }
    for (int plane = 0; plane < planes; plane++) {
        next_plane(f, s, h);
        if (f->scheme == SUMS)
            sums_plane(f, role, s, at, stage->code[b], plane, h);
        else if (f->scheme == HALVES)
            halves_plane(f, role, s, at, stage->code[b], stage->sub[b], plane, h);
        else
            signed_plane(f, role, s, at, &stage->code[2 * b], plane, h);
    }
}

/* acc += sums times scales, and the minima's part. */
INLINE void close_block(const struct format *f, float *acc, const struct place *at, __m256i (*s)[2], const __m256 *d,
                        const __m256 *m, const __m256i *submin, const int h)
{
    UNROLLED for (int r = 0; r < h; r++) {
        __m256 scale = broadcast_float(at->a + (AT_SCALE - AT_FIRST_Q) * h + 4 * r);
        UNROLLED for (int p = 0; p < 2; p++) {
            float *to = acc + PANEL * r + LANES * p;
            __m256 sum = _mm256_load_ps(to);
            sum = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(s[r][p]), scale), d[p], sum);
            if (f->dmin && f->scheme == HALVES) {
                const char *halves = at->extra + AT_HALVES * h + 4 * r;
                __m256i low = _mm256_madd_epi16(broadcast_int(halves), submin[p]);
                if (f->planes > 1)
                    low = add_plane(low, _mm256_madd_epi16(broadcast_int(halves + EXTRA_BYTES * h), submin[p]));
                sum = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(low), scale), m[p], sum);
            } else if (f->dmin) {
                sum = _mm256_fmadd_ps(broadcast_float(at->a + (AT_SUM - AT_FIRST_Q) * h + 4 * r), m[p], sum);
            }
            _mm256_store_ps(to, sum);
        }
    }
}

INLINE void block_scales(const struct format *f, enum role role, enum block_type scale_type, const struct place *at,
                         struct stage *stage, int b, __m256 *d, __m256 *m, __m256i *submin)
{
    UNROLLED for (int p = 0; p < 2; p++) {
        bool minima = f->dmin && f->scheme == HALVES;
        if (role == STAGED) {
            d[p] = stage->d[b][p];
            m[p] = stage->m[b][p];
            submin[p] = minima ? stage->submin[b][p] : _mm256_setzero_si256();
            continue;
        }
        scales(f, scale_type, at, p, &d[p], &m[p]);
        submin[p] = minima ? half_minima(at->block, p) : _mm256_setzero_si256();
        if (role == FIRST) {
            stage->d[b][p] = d[p];
            if (f->dmin)
                stage->m[b][p] = m[p];
            if (minima)
                stage->submin[b][p] = submin[p];
        }
    }
}

/* ---- Tiles ---------------------------------------------------------------------------------------- */

/* A stretch of K in a panel: `n` blocks from the beginning of a superblock. */
struct stretch {
    const uint8_t *panel;
    int n, blocks; /* of a superblock */
    enum block_type scale_type;
};

/* Rows of a tile. */
struct tile {
    float *acc;            /* [h][PANEL] */
    const char *a, *extra; /* the tile's blocks of a stretch */
    const char *ahead;     /* what to ask the memory for meanwhile, but for the distance; ahead_step bytes per block */
    size_t ahead_step;
    int h;
};

INLINE void ask_ahead(const struct tile *t, int b, const int h)
{
    const char *ahead = t->ahead + (size_t)b * t->ahead_step;
    for (size_t i = 0; i < t->ahead_step; i += 64)
        if (h == 1)
            _mm_prefetch(ahead + AHEAD_NEAR + i, _MM_HINT_T0);
        else
            _mm_prefetch(ahead + AHEAD_FAR + i, _MM_HINT_T1);
}

/* Past the header, where a superblock begins. */
INLINE void enter_block(const struct format *f, struct place *at, const struct stretch *k, int b)
{
    if (b % k->blocks == 0) {
        at->header = at->block;
        at->block += (size_t)PANEL * (k->scale_type == TYPE_F32 ? 4 : 2) * (f->dmin ? 2 : 1);
    }
}

/* All codes and scales of a stretch, before its tiles: with two planes, which read them twice, that costs next to nothing and
 * saves a body for each type and height. */
INLINE void fill_stage(const struct format *f, const struct stretch *k, struct stage *stage)
{
    struct place at = {k->panel, k->panel, NULL, NULL};
    for (int b = 0; b < k->n; b++) {
        __m256 d[2], m[2];
        __m256i submin[2];
        enter_block(f, &at, k, b);
        UNROLLED for (int v = 0; v < 2 * GROUPS; v++) {
            __m256i c = codes(f, at.block, v);
            stage->code[f->scheme == SIGNED ? 2 * b : b][v / 2][v % 2] = c;
            if (f->scheme == SIGNED)
                stage->code[2 * b + 1][v / 2][v % 2] = _mm256_abs_epi8(c);
        }
        for (int i = 0; f->scheme == HALVES && i < 4; i++)
            stage->sub[b][i / 2][i % 2] = half_scales(f, at.block, i / 2, i % 2);
        block_scales(f, FIRST, k->scale_type, &at, stage, b, d, m, submin);
        at.block += quant_block_bytes(&f->layout, PANEL);
    }
}

/* acc += the tile's rows times a stretch. */
INLINE void run_tile(const struct format *f, enum role role, const struct tile *t, const struct stretch *k,
                     struct stage *stage, const int h)
{
    float *acc = t->acc;
    struct place at = {k->panel, k->panel, t->a + AT_FIRST_Q * h, t->extra};
    for (int b = 0; b < k->n; b++) {
        __m256i s[HIGHEST][2], submin[2];
        __m256 d[2], m[2];
        /* The compiler would take the sums into registers for the whole loop, and spill what it needs inside; and keep a pointer
         * for each row and group. */
        __asm__("" : "+r"(acc), "+r"(at.a));
        ask_ahead(t, b, h);
        if (role != STAGED)
            enter_block(f, &at, k, b);
        dot_block(f, role, s, &at, stage, b, h);
        block_scales(f, role, k->scale_type, &at, stage, b, d, m, submin);
        close_block(f, acc, &at, s, d, m, submin, h);
        at.block += role == STAGED ? 0 : quant_block_bytes(&f->layout, PANEL);
        at.a += row_bytes(f->planes) * h;
        at.extra += f->planes * EXTRA_BYTES * h;
    }
}

INLINE void run_tile_of(const struct format *f, enum role role, const struct tile *t, const struct stretch *k,
                        struct stage *stage)
{
    switch (t->h) {
    case 1: run_tile(f, role, t, k, stage, 1); break;
    case 2: run_tile(f, role, t, k, stage, 2); break;
    case 3: run_tile(f, role, t, k, stage, 3); break;
    case HIGHEST: run_tile(f, role, t, k, stage, HIGHEST); break;
    default: run_tile(f, role, t, k, stage, TILE); break;
    }
}

static size_t stretch_bytes(const struct format *f, const struct stretch *k, int n)
{
    size_t header = (size_t)PANEL * (k->scale_type == TYPE_F32 ? 4 : 2) * (f->dmin ? 2 : 1);
    return (size_t)(n / k->blocks) * header + (size_t)n * quant_block_bytes(&f->layout, PANEL);
}

/* All tiles of up to PASS_ROWS rows over blocks first .. first + k->n - 1 of all `blocks`. */
INLINE void run_stretch(const struct format *f, float *acc, const char *acts, int rows, int first, int blocks,
                        const struct stretch *k, struct stage *stage)
{
    size_t ahead = stretch_bytes(f, k, k->n) / (size_t)k->n, tiles = (size_t)tile_count(rows);
    struct tile t = {.acc = acc, .ahead = (const char *)k->panel, .ahead_step = (ahead + tiles - 1) / tiles};
    if (f->planes > 1)
        fill_stage(f, k, stage);
    const int whole = whole_tiles(rows);
    for (int i = 0; i < (int)tiles; i++) {
        t.h = i < whole ? TILE : tile_rows(rows, i);
        t.a = acts + (size_t)(first * t.h * row_bytes(f->planes));
        t.extra = acts + (size_t)(blocks * t.h * row_bytes(f->planes)) + (size_t)(first * t.h * f->planes * EXTRA_BYTES);
        if (f->planes > 1)
            f->staged(&t, k->n, stage);
        else if (rows <= HIGHEST)
            run_tile_of(f, ALONE, &t, k, stage);
        else if (i > 0)
            run_tile_of(f, STAGED, &t, k, stage);
        else if (t.h == 3)
            run_tile(f, FIRST, &t, k, stage, 3);
        else
            run_tile(f, FIRST, &t, k, stage, TILE);
        acts += tile_bytes(t.h, blocks * A8_BLOCK, f->planes);
        t.acc += t.h * PANEL;
        t.ahead += t.ahead_step * (size_t)k->n;
    }
}

INLINE void run_panel(const struct format *f, float *out, size_t out_stride, const char *acts, int rows,
                      const uint8_t *panel, int blocks)
{
    _Alignas(64) float acc[PASS_ROWS * PANEL];
    _Alignas(64) struct stage stage;
    struct stretch k = {panel, 0, f->layout.blocks, f->layout.scale_type};
    if (f->mlx) {
        struct quant_mlx_header header;
        memcpy(&header, panel, sizeof(header));
        k = (struct stretch){panel + sizeof(header), 0, header.blocks, (enum block_type)header.scale_type};
    }
    const int most = f->scheme == SIGNED ? STAGE / 2 : STAGE;
    memset(acc, 0, (size_t)rows * PANEL * sizeof(float));
    for (int first = 0; first < blocks; first += most) {
        k.n = blocks - first < most ? blocks - first : most;
        run_stretch(f, acc, acts, rows, first, blocks, &k, &stage);
        k.panel += stretch_bytes(f, &k, k.n);
    }
    for (int r = 0; r < rows; r++)
        memcpy(out + (size_t)r * out_stride, acc + PANEL * r, PANEL * sizeof(float));
}

INLINE size_t bytes_of_panel(const struct format *f, const uint8_t *panel, int blocks)
{
    struct quant_layout l = f->layout;
    size_t bytes = 0;
    if (f->mlx) {
        struct quant_mlx_header header;
        memcpy(&header, panel, sizeof(header));
        l.blocks = header.blocks;
        l.scale_type = (enum block_type)header.scale_type;
        bytes = sizeof(header);
    }
    bytes += (size_t)(blocks / l.blocks) * quant_header_bytes(&l, PANEL) + (size_t)blocks * quant_block_bytes(&l, PANEL);
    return mem_round_up(bytes, MEM_ALIGN);
}

INLINE void run_panels(const struct format *f, float *out, size_t out_stride, const void *acts, int rows,
                       const void *packed, int panels, int K)
{
    const uint8_t *panel = packed;
    for (int i = 0; i < panels; i++, out += PANEL) {
        for (int r = 0, end; r < rows; r = end) {
            end = act_range_end(f->planes == 2 ? &a15 : &a8, r, rows, PASS_ROWS);
            run_panel(f, out + (size_t)r * out_stride, out_stride, (const char *)acts + packed_bytes(r, K, f->planes), end - r,
                      panel, K / QUANT_BLOCK);
        }
        panel += bytes_of_panel(f, panel, K / QUANT_BLOCK);
    }
}

/* ---- The products --------------------------------------------------------------------------------- */

/* A tile from the stage has forgotten its type but for: scheme, offset, minima. */
#define STAGED_TILE(NAME, SCHEME, OFFSET, MINIMA)                                                                      \
    static void staged_##NAME(const struct tile *t, int n, struct stage *stage)                                        \
    {                                                                                                                  \
        static const struct format f = {.planes = 2, .scheme = SCHEME, .offset = OFFSET, .dmin = MINIMA};              \
        const struct stretch k = {.n = n};                                                                             \
        run_tile_of(&f, STAGED, t, &k, stage);                                                                         \
    }

STAGED_TILE(8, SUMS, 8, false)
STAGED_TILE(min, SUMS, 0, true)
STAGED_TILE(16, SUMS, 16, false)
STAGED_TILE(16_min, SUMS, 16, true)
STAGED_TILE(halves_min, HALVES, 0, true)
STAGED_TILE(halves_4, HALVES, 4, false)
STAGED_TILE(halves_32, HALVES, 32, false)
STAGED_TILE(signed, SIGNED, 0, false)
STAGED_TILE(signed_min, SIGNED, 0, true)

/* Two run functions for each format: how its tiles are staged, scheme, offset, minima, table, layout (quant_panel.c has the
 * same), MLX. */
#define PRODUCT_OF(NAME, ...)                                                                                          \
    static void NAME(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels, int K) \
    {                                                                                                                  \
        static const struct format f = {__VA_ARGS__};                                                                  \
        run_panels(&f, out, out_stride, acts, rows, packed, panels, K);                                                \
    }
#define PRODUCT(NAME, STAGED, ...)                                                                                     \
    PRODUCT_OF(TIER(gemm_##NAME), 1, NULL, __VA_ARGS__)                                                                \
    PRODUCT_OF(TIER(gemm_a15_##NAME), 2, staged_##STAGED, __VA_ARGS__)

PRODUCT(q4_0, 8, SUMS, 8, false, false, {4, 0, 1, SUB_NONE, false, TYPE_F16}, false)
PRODUCT(q4_1, min, SUMS, 0, true, false, {4, 0, 1, SUB_NONE, true, TYPE_F16}, false)
PRODUCT(q5_0, 16, SUMS, 16, false, false, {4, 1, 1, SUB_NONE, false, TYPE_F16}, false)
PRODUCT(q5_1, 16_min, SUMS, 16, true, false, {4, 1, 1, SUB_NONE, true, TYPE_F16}, false)
PRODUCT(q4_k, min, SUMS, 0, true, false, {4, 0, 8, SUB_SCALE_MIN, true, TYPE_F16}, false)
PRODUCT(q5_k, 16_min, SUMS, 16, true, false, {4, 1, 8, SUB_SCALE_MIN, true, TYPE_F16}, false)
PRODUCT(q2_k, halves_min, HALVES, 0, true, false, {2, 0, 8, SUB_HALF_NIBBLES, true, TYPE_F16}, false)
PRODUCT(q3_k, halves_4, HALVES, 4, false, false, {2, 1, 8, SUB_HALVES, false, TYPE_F16}, false)
PRODUCT(q6_k, halves_32, HALVES, 32, false, false, {4, 2, 8, SUB_HALVES, false, TYPE_F16}, false)
PRODUCT(q8_0, signed, SIGNED, 0, false, false, {8, 0, 1, SUB_NONE, false, TYPE_F16}, false)
PRODUCT(iq4_nl, signed, SIGNED, 0, false, true, {4, 0, 1, SUB_NONE, false, TYPE_F16}, false)
PRODUCT(iq4_xs, signed, SIGNED, 0, false, true, {4, 0, 8, SUB_SCALE, false, TYPE_F16}, false)
PRODUCT(mlx4, min, SUMS, 0, true, false, {4, 0, 1, SUB_NONE, true, TYPE_F32}, true)
PRODUCT(mlx8, signed_min, SIGNED, 0, true, false, {8, 0, 1, SUB_NONE, true, TYPE_F32}, true)

void TIER(kernels_init_gemm_quant)(struct kernels *k)
{
#define RUNS(NAME) {TIER(gemm_##NAME), TIER(gemm_a15_##NAME)}
    static const struct quant_runs runs = {
        &a8, &a15, PANEL,
        {[TYPE_Q4_0] = RUNS(q4_0), [TYPE_Q4_1] = RUNS(q4_1), [TYPE_Q5_0] = RUNS(q5_0), [TYPE_Q5_1] = RUNS(q5_1),
         [TYPE_Q8_0] = RUNS(q8_0), [TYPE_Q2_K] = RUNS(q2_k), [TYPE_Q3_K] = RUNS(q3_k), [TYPE_Q4_K] = RUNS(q4_k),
         [TYPE_Q5_K] = RUNS(q5_k), [TYPE_Q6_K] = RUNS(q6_k), [TYPE_IQ4_NL] = RUNS(iq4_nl), [TYPE_IQ4_XS] = RUNS(iq4_xs)},
        {RUNS(mlx4), RUNS(mlx8)},
    };
#undef RUNS
    quant_panel_install(k, &runs);
}
