/*
 * pageOffset(bytes): where the first byte of a Uint8Array lies within its page of memory, 0 to 4095. What is to be
 * written past the kernel's cache (O_DIRECT) must lie at a multiple of the disk's sectors, which JavaScript cannot see.
 */
#include <node_api.h>
#include <stdint.h>

static napi_value page_offset(napi_env env, napi_callback_info info) {
  size_t argc = 1, length;
  napi_value argv[1], result;
  napi_typedarray_type type;
  void *data;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (argc < 1 || napi_get_typedarray_info(env, argv[0], &type, &length, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "pageOffset: expected a Uint8Array");
    return NULL;
  }
  napi_create_uint32(env, (uint32_t)((uintptr_t)data & 4095), &result);
  return result;
}

NAPI_MODULE_INIT() {
  napi_value f;
  napi_create_function(env, "pageOffset", NAPI_AUTO_LENGTH, page_offset, NULL, &f);
  napi_set_named_property(env, exports, "pageOffset", f);
  return exports;
}
