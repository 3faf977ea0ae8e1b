/*
 * The pump: what of FUSE cannot be done from JavaScript, and nothing else.
 *
 * It opens /dev/fuse, mounts, and receives the descriptor that fusermount3 passes. A uv_poll on the event loop
 * reads requests into one buffer that JavaScript owns, several per wake-up, each at the next multiple of 8
 * while `room` bytes are left (the kernel wants space for the largest request at every read). Replies are
 * written at once, on the loop: writing one never waits for anybody.
 *
 * Lanes of own threads do what may wait, so that neither the loop nor libuv's pool ever does:
 *
 *   files    READs answered from a file whose pages are not in memory   (up to 4 threads)
 *   notify   notifications; the kernel takes inode locks for them that a request may hold until it is answered
 *   urgent   notifications that take no such lock; a request may be waiting for one
 *   umount   umount2(2), which writes dirty pages back through us
 *
 * A task's end is told on the loop: onDone(slot, result), result 0 or a negative errno.
 *
 * A loop that sleeps has to be woken, which costs whoever does it 20 µs in a virtual machine, more than the rest of a
 * small request; so it stays awake for a moment after each (see "staying awake").
 *
 * Ownership: the buffers and callbacks are held until stop(); the descriptor is closed when stop() was called
 * and no task uses it. Node-API only, no external buffers. Made for the main thread of a process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

enum { MAX_BATCH = 32, MAX_PARTS = 1000, STACK_PARTS = 16, OUT_HEADER = 16 };
enum { LANE_FILES, LANE_NOTIFY, LANE_URGENT, LANE_UMOUNT, LANES };
static const int lane_threads[LANES] = {4, 1, 1, 1};

typedef struct task {
  struct task *next;
  int lane;
  int32_t slot, result;
  int fd;               /* files: the file; umount: flags */
  uint64_t unique, offset;
  size_t length;        /* files: bytes to send; others: bytes of data */
  char data[];          /* notify: the message; umount: the path */
} task;

typedef struct {
  task *head, *tail;
  int threads, idle;
  pthread_cond_t wake;
} lane;

typedef struct {
  napi_env env;
  napi_async_context async_context;
  napi_ref receiver, input_ref, output_ref, on_requests, on_end, on_done;
  uv_poll_t poll;
  uv_async_t async;
  uv_idle_t idle;
  uint64_t awake_until, rest_until; /* ns of uv_hrtime */
  int64_t earned;
  int fd, limit, streak; /* limit: requests looked for per wake-up */
  uint8_t *input, *output, *file_buffer;
  size_t input_size, room, output_size;

  pthread_mutex_t lock; /* over everything below, and lanes */
  int stopped, users, refs;
  lane lanes[LANES];
  task *done, *done_tail;
} pump;

typedef struct { pump *p; int lane; } thread_start;

/* ---- small things ---- */

static napi_value make_int(napi_env env, int64_t n) {
  napi_value v;
  napi_create_int64(env, n, &v);
  return v;
}

static int64_t get_int(napi_env env, napi_value v) {
  int64_t n = 0;
  napi_get_value_int64(env, v, &n);
  return n;
}

static uint32_t get_u32(napi_env env, napi_value v) {
  uint32_t n = 0;
  napi_get_value_uint32(env, v, &n);
  return n;
}

/* NUL-terminated copy of a Uint8Array: paths are bytes, not text. */
static char *get_bytes(napi_env env, napi_value v) {
  void *data;
  size_t length;
  if (napi_get_typedarray_info(env, v, NULL, &length, &data, NULL, NULL) != napi_ok) length = 0;
  char *copy = malloc(length + 1);
  if (copy == NULL) abort();
  memcpy(copy, data, length);
  copy[length] = 0;
  return copy;
}

static void put_header(uint8_t *at, uint32_t length, int32_t error, uint64_t unique) {
  memcpy(at, &length, 4);
  memcpy(at + 4, &error, 4);
  memcpy(at + 8, &unique, 8);
}

static int write_all(int fd, const void *data, size_t length) {
  ssize_t n;
  do n = write(fd, data, length);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : 0;
}

static void pump_unref(pump *p) {
  pthread_mutex_lock(&p->lock);
  int left = --p->refs;
  pthread_mutex_unlock(&p->lock);
  if (left > 0) return;
  for (int i = 0; i < LANES; i++) pthread_cond_destroy(&p->lanes[i].wake);
  pthread_mutex_destroy(&p->lock);
  free(p->file_buffer);
  free(p);
}

/* ---- lanes ---- */

/* Read the whole range into `buffer` behind the header. -ENODATA when the file ends early. */
static int read_file(int fd, uint8_t *buffer, size_t length, uint64_t offset) {
  size_t have = 0;
  while (have < length) {
    ssize_t n = pread(fd, buffer + OUT_HEADER + have, length - have, (off_t)(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) return -ENODATA;
    have += (size_t)n;
  }
  return 0;
}

static int run_task(pump *p, task *t, uint8_t **buffer) {
  if (t->lane == LANE_UMOUNT) return umount2(t->data, t->fd) < 0 ? -errno : 0;
  if (t->lane != LANE_FILES) return write_all(p->fd, t->data, t->length);
  if (*buffer == NULL && (*buffer = malloc(OUT_HEADER + p->room)) == NULL) return -ENOMEM;
  int error = read_file(t->fd, *buffer, t->length, t->offset);
  if (error != 0) return error;
  put_header(*buffer, OUT_HEADER + t->length, 0, t->unique);
  error = write_all(p->fd, *buffer, OUT_HEADER + t->length);
  return error == -ENOENT || error == -ENODEV ? 0 : error; /* nobody waits any more */
}

static void *lane_main(void *argument) {
  thread_start start = *(thread_start *)argument;
  free(argument);
  pump *p = start.p;
  lane *l = &p->lanes[start.lane];
  uint8_t *buffer = NULL;
  pthread_mutex_lock(&p->lock);
  for (;;) {
    while (l->head == NULL && !p->stopped) {
      l->idle++;
      pthread_cond_wait(&l->wake, &p->lock);
      l->idle--;
    }
    task *t = l->head;
    if (t == NULL) break;
    if ((l->head = t->next) == NULL) l->tail = NULL;
    pthread_mutex_unlock(&p->lock);
    t->result = run_task(p, t, &buffer);
    t->next = NULL;
    pthread_mutex_lock(&p->lock);
    if (--p->users == 0) close(p->fd);
    if (p->stopped) {
      free(t);
      continue;
    }
    if (p->done_tail == NULL) p->done = t;
    else p->done_tail->next = t;
    p->done_tail = t;
    uv_async_send(&p->async);
  }
  pthread_mutex_unlock(&p->lock);
  free(buffer);
  pump_unref(p);
  return NULL;
}

/* Start one more thread of a lane; called with the lock held. Signals stay with the other threads. */
static int start_thread(pump *p, int which) {
  thread_start *start = malloc(sizeof *start);
  if (start == NULL) return -ENOMEM;
  *start = (thread_start){p, which};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, lane_main, start);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error != 0) {
    free(start);
    return -error;
  }
  p->refs++;
  p->lanes[which].threads++;
  return 0;
}

/* Hand a task to its lane. Takes it over; frees it on failure. */
static int enqueue(pump *p, task *t) {
  lane *l = &p->lanes[t->lane];
  int error = 0;
  pthread_mutex_lock(&p->lock);
  if (p->stopped) error = -ENODEV;
  else if (l->idle == 0 && l->threads < lane_threads[t->lane]) error = start_thread(p, t->lane);
  if (error != 0 && (p->stopped || l->threads == 0)) {
    pthread_mutex_unlock(&p->lock);
    free(t);
    return error;
  }
  t->next = NULL;
  if (l->tail == NULL) l->head = t;
  else l->tail->next = t;
  l->tail = t;
  p->users++;
  pthread_cond_signal(&l->wake);
  pthread_mutex_unlock(&p->lock);
  return 0;
}

static task *new_task(int which, int32_t slot, const void *data, size_t length) {
  task *t = calloc(1, sizeof *t + length + 1);
  if (t == NULL) abort();
  t->lane = which;
  t->slot = slot;
  t->length = length;
  if (length > 0) memcpy(t->data, data, length);
  return t;
}

/* ---- into JavaScript ---- */

static void call(pump *p, napi_ref callback, size_t argc, const napi_value *argv) {
  napi_value receiver, function, result;
  if (callback == NULL) return;
  napi_get_reference_value(p->env, p->receiver, &receiver);
  napi_get_reference_value(p->env, callback, &function);
  if (napi_make_callback(p->env, p->async_context, receiver, function, argc, argv, &result) == napi_ok) return;
  napi_value error;
  if (napi_get_and_clear_last_exception(p->env, &error) == napi_ok) napi_fatal_exception(p->env, error);
}

static void call_with(pump *p, napi_ref callback, size_t argc, int64_t first, int64_t second) {
  napi_handle_scope scope;
  napi_open_handle_scope(p->env, &scope);
  napi_value argv[2] = {make_int(p->env, first), make_int(p->env, second)};
  call(p, callback, argc, argv);
  napi_close_handle_scope(p->env, scope);
}

/* ---- staying awake ----
 *
 * While the idle handle is active the loop looks for events without sleeping: for AWAKE_NS after a request or an answer,
 * which meets a caller's next request and the answer of a near metadata server. What comes in that time has spared a
 * wake-up and earns EARNED_NS; time in which nothing came is a loss, and so is the time for which sched_yield gave the
 * processor to somebody else: a busy machine is better served by sleeping, as woken threads come first. Losses that
 * were not earned before are followed by a rest REST times as long, which bounds them to a few percent.
 */
enum { AWAKE_NS = 100 * 1000, EARNED_NS = 20 * 1000, MOST_EARNED_NS = 400 * 1000, YIELDED_NS = 10 * 1000, REST = 32 };

static void on_idle(uv_idle_t *handle) {
  pump *p = handle->data;
  uint64_t before = uv_hrtime();
  sched_yield();
  uint64_t now = uv_hrtime();
  if (now - before > YIELDED_NS) p->earned -= (int64_t)(now - before);
  else if (now < p->awake_until) return;
  else p->earned -= AWAKE_NS;
  if (p->earned >= 0 && now < p->awake_until) return;
  uv_idle_stop(handle);
  if (p->earned >= 0) return;
  p->rest_until = now + REST * (uint64_t)-p->earned;
  p->earned = 0;
}

/* A request came or an answer went. */
static void stay_awake(pump *p) {
  uint64_t now = uv_hrtime();
  if (uv_is_active((uv_handle_t *)&p->idle)) {
    if (p->earned < MOST_EARNED_NS) p->earned += EARNED_NS;
  } else {
    if (now < p->rest_until) return;
    uv_idle_start(&p->idle, on_idle);
  }
  p->awake_until = now + AWAKE_NS;
}

static void on_readable(uv_poll_t *handle, int status, int events) {
  pump *p = handle->data;
  size_t at = 0;
  int count = 0, end = 0;
  (void)events;
  while (count < p->limit && p->input_size - at >= p->room) {
    ssize_t n = read(p->fd, p->input + at, p->room);
    if (n > 0) {
      count++;
      at = (at + (size_t)n + 7) & ~(size_t)7;
    } else if (n < 0 && (errno == EINTR || errno == ENOENT)) {
      continue; /* ENOENT: the request was interrupted before we read it */
    } else {
      if (n == 0) end = EIO;
      else if (errno != EAGAIN) end = errno;
      break;
    }
  }
  /* A lone client never has a second request waiting, and looking for it costs 0.7 of its 17 µs. */
  if (count < p->limit) {
    p->limit = count > 1 ? count : 1;
    p->streak = 0;
  } else if (++p->streak >= 8 && p->limit < MAX_BATCH) {
    p->limit *= 2;
    p->streak = 0;
  }
  if (count == 0 && end == 0 && status < 0) end = EIO; /* libuv stopped polling on an error the read did not show */
  if (count > 0) {
    call_with(p, p->on_requests, 1, count, 0);
    if (!p->stopped) stay_awake(p);
  }
  if (end == 0 || p->stopped) return;
  uv_poll_stop(&p->poll);
  call_with(p, p->on_end, 1, end, 0);
}

static void on_async(uv_async_t *handle) {
  pump *p = handle->data;
  pthread_mutex_lock(&p->lock);
  task *t = p->done;
  p->done = p->done_tail = NULL;
  pthread_mutex_unlock(&p->lock);
  while (t != NULL) {
    task *next = t->next;
    call_with(p, p->on_done, 2, t->slot, t->result); /* does nothing once stopped */
    free(t);
    t = next;
  }
}

/* ---- methods of a pump ---- */

static pump *enter(napi_env env, napi_callback_info info, size_t *argc, napi_value *argv) {
  void *data;
  napi_get_cb_info(env, info, argc, argv, NULL, &data);
  return data;
}

/* send(length): write that much of the output buffer. */
static napi_value pump_send(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  pump *p = enter(env, info, &argc, argv);
  size_t length = get_u32(env, argv[0]);
  if (p->stopped) return make_int(env, -ENODEV);
  if (length > p->output_size) return make_int(env, -EINVAL);
  stay_awake(p);
  return make_int(env, write_all(p->fd, p->output, length));
}

/* sendParts(headLength, parts): the output buffer's head, then each Uint8Array, in one writev. */
static napi_value pump_send_parts(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  pump *p = enter(env, info, &argc, argv);
  uint32_t count = 0;
  if (p->stopped) return make_int(env, -ENODEV);
  napi_get_array_length(env, argv[1], &count);
  if (count > MAX_PARTS) return make_int(env, -EINVAL);
  struct iovec few[STACK_PARTS + 1], *iov = few;
  if (count > STACK_PARTS && (iov = malloc((count + 1) * sizeof *iov)) == NULL) return make_int(env, -ENOMEM);
  iov[0] = (struct iovec){p->output, get_u32(env, argv[0])};
  int result = iov[0].iov_len > p->output_size ? -EINVAL : 0;
  for (uint32_t i = 0; i < count && result == 0; i++) {
    napi_value part;
    napi_get_element(env, argv[1], i, &part);
    napi_status status = napi_get_typedarray_info(env, part, NULL, &iov[i + 1].iov_len, &iov[i + 1].iov_base, NULL, NULL);
    if (status != napi_ok) result = -EINVAL;
  }
  if (result == 0) {
    ssize_t n;
    do n = writev(p->fd, iov, (int)count + 1);
    while (n < 0 && errno == EINTR);
    if (n < 0) result = -errno;
  }
  if (iov != few) free(iov);
  return make_int(env, result);
}

/*
 * sendFile(slot, uniqueLo, uniqueHi, fd, offset, length): answer a READ with a range of a file.
 * 0: done; 1: a thread does it and onDone follows; negative errno: not done.
 */
static napi_value pump_send_file(napi_env env, napi_callback_info info) {
  size_t argc = 6;
  napi_value argv[6];
  pump *p = enter(env, info, &argc, argv);
  int32_t slot = (int32_t)get_int(env, argv[0]);
  uint64_t unique = get_u32(env, argv[1]) | (uint64_t)get_u32(env, argv[2]) << 32;
  int fd = (int)get_int(env, argv[3]);
  uint64_t offset = (uint64_t)get_int(env, argv[4]);
  size_t length = get_u32(env, argv[5]);
  if (p->stopped) return make_int(env, -ENODEV);
  if (length > p->room) return make_int(env, -EINVAL);
  if (p->file_buffer == NULL && (p->file_buffer = malloc(OUT_HEADER + p->room)) == NULL) return make_int(env, -ENOMEM);

  struct iovec iov = {p->file_buffer + OUT_HEADER, length};
  if (preadv2(fd, &iov, 1, (off_t)offset, RWF_NOWAIT) == (ssize_t)length) {
    put_header(p->file_buffer, OUT_HEADER + length, 0, unique);
    return make_int(env, write_all(p->fd, p->file_buffer, OUT_HEADER + length));
  }
  task *t = new_task(LANE_FILES, slot, NULL, 0);
  t->fd = fd;
  t->unique = unique;
  t->offset = offset;
  t->length = length;
  int error = enqueue(p, t);
  return make_int(env, error != 0 ? error : 1);
}

/* notify(slot, message, urgent): write a notification on its lane's thread, in order; the bytes are copied. */
static napi_value pump_notify(napi_env env, napi_callback_info info) {
  size_t argc = 3, length = 0;
  napi_value argv[3];
  void *data = NULL;
  bool urgent = false;
  pump *p = enter(env, info, &argc, argv);
  if (napi_get_typedarray_info(env, argv[1], NULL, &length, &data, NULL, NULL) != napi_ok) return make_int(env, -EINVAL);
  napi_get_value_bool(env, argv[2], &urgent);
  int which = urgent ? LANE_URGENT : LANE_NOTIFY;
  return make_int(env, enqueue(p, new_task(which, (int32_t)get_int(env, argv[0]), data, length)));
}

/* umount(slot, path, flags): umount2(2) on its thread. */
static napi_value pump_umount(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argv[3];
  pump *p = enter(env, info, &argc, argv);
  char *path = get_bytes(env, argv[1]);
  task *t = new_task(LANE_UMOUNT, (int32_t)get_int(env, argv[0]), path, strlen(path));
  free(path);
  t->fd = (int)get_int(env, argv[2]);
  return make_int(env, enqueue(p, t));
}

static void on_poll_closed(uv_handle_t *handle) { pump_unref(handle->data); }
static void on_async_closed(uv_handle_t *handle) { pump_unref(handle->data); }
static void on_idle_closed(uv_handle_t *handle) { pump_unref(handle->data); }

static void drop(pump *p, napi_ref *reference) {
  if (*reference != NULL) napi_delete_reference(p->env, *reference);
  *reference = NULL;
}

static void stop(void *data) {
  pump *p = data;
  pthread_mutex_lock(&p->lock);
  if (p->stopped) {
    pthread_mutex_unlock(&p->lock);
    return;
  }
  p->stopped = 1;
  if (--p->users == 0) close(p->fd);
  for (int i = 0; i < LANES; i++) pthread_cond_broadcast(&p->lanes[i].wake);
  pthread_mutex_unlock(&p->lock);
  uv_poll_stop(&p->poll);
  uv_close((uv_handle_t *)&p->poll, on_poll_closed);
  uv_close((uv_handle_t *)&p->async, on_async_closed);
  uv_close((uv_handle_t *)&p->idle, on_idle_closed);
  drop(p, &p->on_requests);
  drop(p, &p->on_end);
  drop(p, &p->on_done);
  drop(p, &p->input_ref);
  drop(p, &p->output_ref);
}

/* stop(): no more reads, replies or callbacks; the descriptor is closed when no thread uses it. */
static napi_value pump_stop(napi_env env, napi_callback_info info) {
  size_t argc = 0;
  pump *p = enter(env, info, &argc, NULL);
  if (!p->stopped) {
    stop(p);
    napi_remove_env_cleanup_hook(env, stop, p);
  }
  return NULL;
}

static void on_collected(napi_env env, void *data, void *hint) {
  pump *p = data;
  (void)hint;
  drop(p, &p->receiver);
  napi_async_destroy(env, p->async_context);
  pump_unref(p);
}

/* createPump(fd, input, room, output, onRequests(count), onEnd(errno), onDone(slot, result)) */
static napi_value create_pump(napi_env env, napi_callback_info info) {
  size_t argc = 7;
  napi_value argv[7], object, name;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  pump *p = calloc(1, sizeof *p);
  uv_loop_t *loop;
  if (p == NULL || napi_get_uv_event_loop(env, &loop) != napi_ok) abort();
  p->env = env;
  p->fd = (int)get_int(env, argv[0]);
  p->limit = 1;
  p->room = get_u32(env, argv[2]);
  void *input, *output;
  if (napi_get_typedarray_info(env, argv[1], NULL, &p->input_size, &input, NULL, NULL) != napi_ok ||
      napi_get_typedarray_info(env, argv[3], NULL, &p->output_size, &output, NULL, NULL) != napi_ok ||
      p->input_size < p->room || uv_poll_init(loop, &p->poll, p->fd) != 0) {
    free(p);
    napi_throw_error(env, NULL, "pump: wrong buffers, or a descriptor that cannot be polled");
    return NULL;
  }
  p->input = input;
  p->output = output;
  uv_async_init(loop, &p->async, on_async);
  uv_idle_init(loop, &p->idle);
  p->poll.data = p->async.data = p->idle.data = p;
  p->users = 1; /* this object's use of the descriptor */
  p->refs = 4;  /* the object, and the three handles */
  pthread_mutex_init(&p->lock, NULL);
  for (int i = 0; i < LANES; i++) pthread_cond_init(&p->lanes[i].wake, NULL);

  static const napi_property_descriptor methods[] = {
      {"send", NULL, pump_send, NULL, NULL, NULL, napi_default, NULL},
      {"sendParts", NULL, pump_send_parts, NULL, NULL, NULL, napi_default, NULL},
      {"sendFile", NULL, pump_send_file, NULL, NULL, NULL, napi_default, NULL},
      {"notify", NULL, pump_notify, NULL, NULL, NULL, napi_default, NULL},
      {"umount", NULL, pump_umount, NULL, NULL, NULL, napi_default, NULL},
      {"stop", NULL, pump_stop, NULL, NULL, NULL, napi_default, NULL},
  };
  napi_property_descriptor own[sizeof methods / sizeof *methods];
  memcpy(own, methods, sizeof methods);
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) own[i].data = p;
  napi_create_object(env, &object);
  napi_define_properties(env, object, sizeof methods / sizeof *methods, own);
  napi_create_string_utf8(env, "pomelo:fuse", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &p->async_context);
  napi_create_object(env, &name);
  napi_create_reference(env, name, 1, &p->receiver);
  napi_create_reference(env, argv[1], 1, &p->input_ref);
  napi_create_reference(env, argv[3], 1, &p->output_ref);
  napi_create_reference(env, argv[4], 1, &p->on_requests);
  napi_create_reference(env, argv[5], 1, &p->on_end);
  napi_create_reference(env, argv[6], 1, &p->on_done);
  napi_add_finalizer(env, object, p, on_collected, NULL, NULL);
  napi_add_env_cleanup_hook(env, stop, p);
  uv_poll_start(&p->poll, UV_READABLE, on_readable);
  return object;
}

/* ---- mounting ---- */

/* openDevice(): a descriptor of /dev/fuse, or a negative errno. */
static napi_value open_device(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  return make_int(env, fd < 0 ? -errno : fd);
}

/* mount(source, target, type, flags, data): mount(2) with strings as Uint8Array. 0 or a negative errno. */
static napi_value do_mount(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value argv[5];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  char *source = get_bytes(env, argv[0]), *target = get_bytes(env, argv[1]);
  char *type = get_bytes(env, argv[2]), *data = get_bytes(env, argv[4]);
  int result = mount(source, target, type, (unsigned long)get_int(env, argv[3]), data) < 0 ? -errno : 0;
  free(source);
  free(target);
  free(type);
  free(data);
  return make_int(env, result);
}

/* umountNow(path, flags): for a mount that is dead or has no server yet; waits otherwise. */
static napi_value umount_now(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  char *path = get_bytes(env, argv[0]);
  int result = umount2(path, (int)get_int(env, argv[1])) < 0 ? -errno : 0;
  free(path);
  return make_int(env, result);
}

/* socketPair(): [ours, theirs], both close-on-exec; an empty array when there are no descriptors left. */
static napi_value socket_pair(napi_env env, napi_callback_info info) {
  int fds[2];
  napi_value pair;
  (void)info;
  napi_create_array(env, &pair);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) return pair;
  napi_set_element(env, pair, 0, make_int(env, fds[0]));
  napi_set_element(env, pair, 1, make_int(env, fds[1]));
  return pair;
}

/* receiveFd(socket): the descriptor in a message that has already arrived, or a negative errno. */
static napi_value receive_fd(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  char byte;
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec iov = {&byte, 1};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t n;
  do n = recvmsg((int)get_int(env, argv[0]), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0) return make_int(env, -errno);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (n == 0 || header == NULL || header->cmsg_type != SCM_RIGHTS) return make_int(env, -ENODATA);
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  return make_int(env, fd);
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"createPump", NULL, create_pump, NULL, NULL, NULL, napi_default, NULL},
      {"openDevice", NULL, open_device, NULL, NULL, NULL, napi_default, NULL},
      {"mount", NULL, do_mount, NULL, NULL, NULL, napi_default, NULL},
      {"umountNow", NULL, umount_now, NULL, NULL, NULL, napi_default, NULL},
      {"socketPair", NULL, socket_pair, NULL, NULL, NULL, napi_default, NULL},
      {"receiveFd", NULL, receive_fd, NULL, NULL, NULL, napi_default, NULL},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
