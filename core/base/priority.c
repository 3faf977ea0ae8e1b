/*
 * idleThread(tid): the thread computes only when nothing else wants its processor (SCHED_IDLE), and its requests to disks
 * come after all others (where the disk's scheduler tells them apart). Whatever it starts afterwards inherits both. Returns
 * 0 or a negative errno.
 * Source: sched(7), ioprio_set(2). glibc has no ioprio_set, and no constants for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <node_api.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_IDLE 3
#define IOPRIO_CLASS_SHIFT 13

static napi_value idle_thread(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  int32_t tid, error = 0;
  napi_value argv[1], result;
  const struct sched_param none = {0};
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (argc < 1 || napi_get_value_int32(env, argv[0], &tid) != napi_ok) {
    napi_throw_type_error(env, NULL, "idleThread: expected a thread's number");
    return NULL;
  }
  if (sched_setscheduler(tid, SCHED_IDLE, &none) < 0) error = -errno;
  else if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, tid, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT) < 0) error = -errno;
  napi_create_int32(env, error, &result);
  return result;
}

NAPI_MODULE_INIT() {
  napi_value f;
  napi_create_function(env, "idleThread", NAPI_AUTO_LENGTH, idle_thread, NULL, &f);
  napi_set_named_property(env, exports, "idleThread", f);
  return exports;
}
