/*
 * lowerThread(tid): the thread has the lowest priority of those that share processors, runs for 0.1 ms at least instead of
 * some milliseconds (Linux 6.12 and newer: until then nobody who wakes up takes its place), and its requests to disks come
 * after all others (where the disk's scheduler tells them apart). Whatever it starts afterwards inherits all of that. Returns
 * 0 or a negative errno.
 * Source: sched(7), sched_setattr(2), ioprio_set(2); kernel/sched/syscalls.c for the slice. glibc has neither call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <node_api.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOWEST 19
#define SLICE_NS 100000
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_IDLE 3
#define IOPRIO_CLASS_SHIFT 13

/* The first version of struct sched_attr. */
struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

static napi_value lower_thread(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  int32_t tid, error = 0;
  napi_value argv[1], result;
  struct attributes attributes = {
      .size = sizeof(attributes), .policy = SCHED_OTHER, .nice = LOWEST, .runtime = SLICE_NS};
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (argc < 1 || napi_get_value_int32(env, argv[0], &tid) != napi_ok) {
    napi_throw_type_error(env, NULL, "lowerThread: expected a thread's number");
    return NULL;
  }
  if (syscall(SYS_sched_setattr, tid, &attributes, 0) < 0) error = -errno;
  else if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, tid, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT) < 0) error = -errno;
  napi_create_int32(env, error, &result);
  return result;
}

NAPI_MODULE_INIT() {
  napi_value f;
  napi_create_function(env, "lowerThread", NAPI_AUTO_LENGTH, lower_thread, NULL, &f);
  napi_set_named_property(env, exports, "lowerThread", f);
  return exports;
}
