/*
 * CRC-32C (Castagnoli, reflected 0x82F63B78) for object checksums and cache-file pieces.
 *
 * With SSE4.2 three lanes of LANE bytes run side by side, because the crc32 instruction takes three cycles but
 * one may start in each; lanes are joined by "append LANE zero bytes", a linear map kept as four tables of
 * 256. Other machines use eight tables of 256 (slicing by eight). The register between calls is the finished
 * CRC; zero starts one, as in zlib's crc32.
 */
#include <node_api.h>
#include <stdint.h>
#include <string.h>

#define POLY 0x82F63B78u
#define LANE 1024

static uint32_t slicing[8][256];

static void make_slicing(void) {
  for (uint32_t v = 0; v < 256; v++) {
    uint32_t crc = v;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (POLY & -(crc & 1));
    slicing[0][v] = crc;
  }
  for (uint32_t v = 0; v < 256; v++)
    for (int k = 1; k < 8; k++) slicing[k][v] = slicing[k - 1][v] >> 8 ^ slicing[0][slicing[k - 1][v] & 255];
}

static uint32_t by_table(uint32_t crc, const uint8_t *p, size_t n) {
  for (; n >= 8; n -= 8, p += 8) {
    uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
    crc = slicing[7][a & 255] ^ slicing[6][a >> 8 & 255] ^ slicing[5][a >> 16 & 255] ^ slicing[4][a >> 24] ^
          slicing[3][p[4]] ^ slicing[2][p[5]] ^ slicing[1][p[6]] ^ slicing[0][p[7]];
  }
  for (; n > 0; n--) crc = crc >> 8 ^ slicing[0][(crc ^ *p++) & 255];
  return crc;
}

static uint32_t (*update)(uint32_t crc, const uint8_t *p, size_t n) = by_table;

#if defined(__x86_64__)
#include <nmmintrin.h>

static uint32_t after_lane[4][256];

static uint32_t append_lane(uint32_t crc) {
  return after_lane[0][crc & 255] ^ after_lane[1][crc >> 8 & 255] ^ after_lane[2][crc >> 16 & 255] ^
         after_lane[3][crc >> 24];
}

static void make_lane(void) {
  static const uint8_t zeros[LANE];
  for (int k = 0; k < 4; k++)
    for (int bit = 0; bit < 8; bit++) {
      uint32_t moved = by_table(1u << (8 * k + bit), zeros, LANE);
      for (uint32_t v = 0; v < 256; v++)
        if (v >> bit & 1) after_lane[k][v] ^= moved;
    }
}

static inline uint64_t load64(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

__attribute__((target("sse4.2"))) static uint32_t by_sse(uint32_t crc, const uint8_t *p, size_t n) {
  for (; n >= 3 * LANE; n -= 3 * LANE, p += 3 * LANE) {
    uint64_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < LANE; i += 8) {
      a = _mm_crc32_u64(a, load64(p + i));
      b = _mm_crc32_u64(b, load64(p + LANE + i));
      c = _mm_crc32_u64(c, load64(p + 2 * LANE + i));
    }
    crc = append_lane(append_lane((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
  }
  uint64_t wide = crc;
  for (; n >= 8; n -= 8, p += 8) wide = _mm_crc32_u64(wide, load64(p));
  crc = (uint32_t)wide;
  for (; n > 0; n--) crc = _mm_crc32_u8(crc, *p++);
  return crc;
}
#endif

static int bytes_of(napi_env env, napi_value value, uint8_t **at, size_t *length) {
  napi_typedarray_type type;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "crc32c: expected a Uint8Array");
    return 0;
  }
  *at = data;
  return 1;
}

/* crc32c(bytes, seed): the finished CRC of what `seed` covers followed by `bytes`. */
static napi_value crc32c(napi_env env, napi_callback_info info) {
  size_t argc = 2, n;
  napi_value argv[2], result;
  uint8_t *p;
  uint32_t seed = 0;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (!bytes_of(env, argv[0], &p, &n)) return NULL;
  if (argc > 1) napi_get_value_uint32(env, argv[1], &seed);
  napi_create_uint32(env, ~update(~seed, p, n), &result);
  return result;
}

/* crc32cPieces(bytes, pieceSize, out): four big-endian bytes for each piece, the last one maybe shorter. */
static napi_value crc32c_pieces(napi_env env, napi_callback_info info) {
  size_t argc = 3, n, room;
  napi_value argv[3];
  uint8_t *p, *out;
  uint32_t piece = 0;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (!bytes_of(env, argv[0], &p, &n) || !bytes_of(env, argv[2], &out, &room)) return NULL;
  napi_get_value_uint32(env, argv[1], &piece);
  if (piece == 0 || room / 4 < n / piece + (n % piece != 0)) {
    napi_throw_range_error(env, NULL, "crc32cPieces: no room for the checksums");
    return NULL;
  }
  while (n > 0) {
    size_t take = n < piece ? n : piece;
    uint32_t crc = ~update(~0u, p, take);
    *out++ = crc >> 24, *out++ = crc >> 16, *out++ = crc >> 8, *out++ = crc;
    p += take, n -= take;
  }
  return NULL;
}

NAPI_MODULE_INIT() {
  static int ready;
  if (!ready) {
    make_slicing();
#if defined(__x86_64__)
    make_lane();
    if (__builtin_cpu_supports("sse4.2")) update = by_sse;
#endif
    ready = 1;
  }
  napi_value f;
  napi_create_function(env, "crc32c", NAPI_AUTO_LENGTH, crc32c, NULL, &f);
  napi_set_named_property(env, exports, "crc32c", f);
  napi_create_function(env, "crc32cPieces", NAPI_AUTO_LENGTH, crc32c_pieces, NULL, &f);
  napi_set_named_property(env, exports, "crc32cPieces", f);
  return exports;
}
