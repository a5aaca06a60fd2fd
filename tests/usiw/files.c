// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What a program may do with the descriptors of RDMA files: duplicate, pass on,
 * wait for, inherit, close them, and write nonsense to them. Each test is a
 * process of its own, with its name as argument; status 0 is success.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_cma.h>

#include "device.h"

extern char **environ;

/* An identifier on @ch that has an event waiting. */
static struct rdma_cm_id *resolving(struct rdma_event_channel *ch)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(7999) };
	struct rdma_cm_id *id;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(!rdma_create_id(ch, &id, NULL, RDMA_PS_TCP));
	NEED(!rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 1000));
	return id;
}

static void take(struct rdma_event_channel *ch, struct rdma_cm_id *id)
{
	struct rdma_cm_event *ev;

	NEED(!rdma_get_cm_event(ch, &ev));
	NEED(ev->event == RDMA_CM_EVENT_ADDR_RESOLVED && ev->id == id);
	NEED(!rdma_ack_cm_event(ev));
}

static void use(struct rdma_event_channel *ch)
{
	struct rdma_cm_id *id = resolving(ch);

	take(ch, id);
	NEED(!rdma_destroy_id(id));
}

static struct rdma_event_channel *channel(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();

	NEED(ch);
	return ch;
}

/* Sees that there is an event, and is slow in taking it. */
static void *slow_taker(void *arg)
{
	struct rdma_event_channel *ch = arg;
	struct pollfd pfd = { .fd = ch->fd, .events = POLLIN };
	struct rdma_cm_event *ev;
	int i;

	for (i = 0; i < 2; i++) {
		NEED(poll(&pfd, 1, -1) == 1);
		usleep(10000);
		NEED(!rdma_get_cm_event(ch, &ev));
		NEED(!rdma_ack_cm_event(ev));
	}
	return NULL;
}

/* rping does: poll() in one thread, rdma_destroy_id() in another. */
static void test_poll_destroy(void)
{
	struct rdma_event_channel *ch = channel();
	struct pollfd pfd = { .fd = ch->fd, .events = POLLIN };
	struct rdma_cm_id *first, *second;
	pthread_t thread;

	NEED(!pthread_create(&thread, NULL, slow_taker, ch));
	first = resolving(ch);
	while (poll(&pfd, 1, 0))
		usleep(1000);
	second = resolving(ch);
	NEED(poll(&pfd, 1, -1) == 1);
	NEED(!rdma_destroy_id(second));
	NEED(!pthread_join(thread, NULL));
	NEED(!rdma_destroy_id(first));
	rdma_destroy_event_channel(ch);
}

/* A duplicate is the same file; it lives as long as one of them. */
static void test_dup(void)
{
	struct rdma_event_channel *ch = channel();
	int fd = dup(ch->fd), old = ch->fd, high;

	NEED(fd >= 0);
	NEED(!close(old));
	ch->fd = fd;
	use(ch);
	NEED(dup2(fd, 500) == 500);
	NEED(!close(fd));
	ch->fd = 500;
	use(ch);
	high = fcntl(500, F_DUPFD_CLOEXEC, 600);
	NEED(high >= 600);
	NEED(!close(500));
	ch->fd = high;
	use(ch);
	/* something else takes its place, and is just that */
	NEED(dup2(STDERR_FILENO, high) == high);
	NEED(write(high, "", 0) == 0);
}

/* By SCM_RIGHTS, within the process. */
static void test_pass(void)
{
	struct rdma_event_channel *ch = channel(), *other = channel();
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pair[2], fd;

	NEED(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &ch->fd, sizeof(fd));
	NEED(sendmsg(pair[0], &msg, 0) == 1);
	memset(room, 0, sizeof(room));
	NEED(recvmsg(pair[1], &msg, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	NEED(fd != ch->fd && !close(ch->fd));
	ch->fd = fd;
	use(ch);
	use(other);
}

static int readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0);
}

/* poll, epoll and O_NONBLOCK are those of any file. */
static void test_poll(void)
{
	struct rdma_event_channel *ch = channel();
	struct epoll_event ee = { .events = EPOLLIN };
	int ep = epoll_create1(0);
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id, *gone;

	NEED(!epoll_ctl(ep, EPOLL_CTL_ADD, ch->fd, &ee));
	NEED(!fcntl(ch->fd, F_SETFL, O_NONBLOCK));
	NEED(readable(ch->fd) == 0 && epoll_wait(ep, &ee, 1, 0) == 0);
	NEED(rdma_get_cm_event(ch, &ev) == -1 && errno == EAGAIN);
	id = resolving(ch);
	gone = resolving(ch);
	NEED(readable(ch->fd) == 1 && epoll_wait(ep, &ee, 1, 0) == 1);
	/* an event that is not read goes with its identifier */
	NEED(!rdma_destroy_id(gone));
	take(ch, id);
	NEED(readable(ch->fd) == 0 && epoll_wait(ep, &ee, 1, 0) == 0);
	NEED(rdma_get_cm_event(ch, &ev) == -1 && errno == EAGAIN);
	NEED(!rdma_destroy_id(id));
	rdma_destroy_event_channel(ch);
}

/* The files are character devices, the one that was announced. */
static void test_stat(void)
{
	struct ibv_context *ctx = open_device();
	struct stat st, fst;

	NEED(!stat("/dev/infiniband/rdma_cm", &st) && S_ISCHR(st.st_mode));
	NEED(!access("/dev/infiniband/rdma_cm", R_OK | W_OK));
	NEED(!fstat(ctx->cmd_fd, &fst) && S_ISCHR(fst.st_mode));
	NEED(fst.st_rdev && fst.st_rdev != st.st_rdev);
	NEED(!ibv_close_device(ctx));
}

/* What a daemon does when it starts. */
static void test_close_all(void)
{
	open_device();
	channel();
	closefrom(3);
	NEED(!ibv_close_device(open_device()));
	open_device();
	NEED(!close_range(3, ~0u, 0));
	/* last: from now on librdmacm keeps a device open */
	use(channel());
}

/* The child has objects of its own, but not those of its parent. */
static void test_fork(void)
{
	struct rdma_event_channel *ch = channel();
	struct rdma_cm_id *id = resolving(ch), *none;
	struct ibv_context *ctx = open_device();
	int status;
	pid_t pid;

	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		NEED(rdma_create_id(ch, &none, NULL, RDMA_PS_TCP));
		NEED(errno == EIO);
		NEED(!ibv_alloc_pd(ctx));
		NEED(!close(ch->fd));
		use(channel());
		NEED(!ibv_close_device(open_device()));
		exit(0);
	}
	NEED(waitpid(pid, &status, 0) == pid && status == 0);
	take(ch, id);
	use(ch);
	NEED(ibv_alloc_pd(ctx));
}

/* A child that shares our memory for a moment closes only its own. */
static void test_spawn(void)
{
	struct rdma_event_channel *ch = channel();
	struct ibv_context *ctx = open_device();
	char *argv[] = { "true", NULL };
	posix_spawn_file_actions_t fa;
	int status;
	pid_t pid;

	NEED(!posix_spawn_file_actions_init(&fa));
	NEED(!posix_spawn_file_actions_addclose(&fa, ch->fd));
	NEED(!posix_spawn(&pid, "/bin/true", &fa, NULL, argv, environ));
	NEED(waitpid(pid, &status, 0) == pid && status == 0);
	pid = vfork();
	if (!pid) {
		close(ch->fd);
		close(ctx->cmd_fd);
		_exit(0);
	}
	NEED(waitpid(pid, &status, 0) == pid && status == 0);
	use(ch);
	NEED(ibv_alloc_pd(ctx));
}

/* Anything but a descriptor number that might exist, small or large. */
static uint32_t word(void)
{
	switch (rnd() % 4) {
	case 0:
		return rnd() % 8;
	case 1:
		return 0;
	case 2:
		return 64 + rnd() % 4096;
	default:
		return rnd();
	}
}

/*
 * Commands with all kinds of lengths and contents: an error, but no crash, and
 * the file still works. Addresses are wrong ones, or that of @answer.
 */
static void nonsense(int fd, unsigned int ops, int in_words)
{
	static uint64_t answer[8192];
	uint32_t cmd[128];
	unsigned int i, j, len;

	for (i = 0; i < 200000; i++) {
		len = rnd() % 256 & ~3u;
		for (j = 0; j < 128; j++)
			cmd[j] = word();
		cmd[0] = rnd() % ops;
		cmd[1] = in_words ? len / 4 : len - 8;
		cmd[1] |= rnd() % 4 ? 0xff0000 : rnd() << 16;
		if (rnd() % 4)
			memcpy(&cmd[2], &(uint64_t){ (uintptr_t)answer }, 8);
		if (rnd() % 4)
			memcpy(&cmd[4], &(uint64_t){ (uintptr_t)answer }, 8);
		if (write(fd, cmd, len) < 0)
			NEED(errno);
	}
}

static void test_nonsense_uverbs(void)
{
	struct ibv_context *ctx = open_device();

	nonsense(ctx->cmd_fd, 45, 1);
	NEED(ibv_alloc_pd(ctx));
	NEED(!ibv_close_device(ctx));
}

static void test_nonsense_ucma(void)
{
	struct rdma_event_channel *ch = channel();

	NEED(!fcntl(ch->fd, F_SETFL, O_NONBLOCK));
	nonsense(ch->fd, 25, 0);
	rdma_destroy_event_channel(ch);
	use(channel());
}

/* Destroying an object frees what the provider had mapped, again and again. */
static void test_churn(void)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 64, .max_recv_wr = 64,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_context *ctx = open_device();
	struct ibv_pd *pd = ibv_alloc_pd(ctx);
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	int i;

	NEED(pd);
	for (i = 0; i < 2000; i++) {
		cq = ibv_create_cq(ctx, 128, NULL, NULL, 0);
		NEED(cq);
		attr.send_cq = attr.recv_cq = cq;
		qp = ibv_create_qp(pd, &attr);
		NEED(qp);
		NEED(ibv_destroy_cq(cq) == EBUSY);
		NEED(ibv_dealloc_pd(pd) == EBUSY);
		NEED(!ibv_destroy_qp(qp) && !ibv_destroy_cq(cq));
	}
	NEED(!ibv_dealloc_pd(pd) && !ibv_close_device(ctx));
}

/* Wait for an event of one kind; its identifier, or the listener's new one. */
static struct rdma_cm_id *expect(struct rdma_event_channel *ch,
				 enum rdma_cm_event_type type)
{
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	NEED(!rdma_get_cm_event(ch, &ev));
	if (ev->event != type)
		fprintf(stderr, "%s (%d), not %s\n", rdma_event_str(ev->event),
			ev->status, rdma_event_str(type));
	NEED(ev->event == type);
	id = ev->id;
	NEED(!rdma_ack_cm_event(ev));
	return id;
}

/* A client of @port that waits for its answer. */
static struct rdma_cm_id *knock(struct rdma_event_channel *ch, in_port_t port)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 1, .max_recv_wr = 1,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct rdma_conn_param param = { .initiator_depth = 1 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = port };
	struct rdma_cm_id *id;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(!rdma_create_id(ch, &id, NULL, RDMA_PS_TCP));
	NEED(!rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 1000));
	expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	NEED(!rdma_resolve_route(id, 1000));
	expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	NEED(!rdma_create_qp(id, NULL, &attr));
	NEED(!rdma_connect(id, &param));
	return id;
}

static struct rdma_cm_id *listener(struct rdma_event_channel *ch, int backlog)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct rdma_cm_id *id;

	NEED(!rdma_create_id(ch, &id, NULL, RDMA_PS_TCP));
	NEED(!rdma_bind_addr(id, (struct sockaddr *)&any));
	NEED(rdma_get_src_port(id));
	if (backlog)
		NEED(!rdma_listen(id, backlog));
	return id;
}

/* Requests that nobody took go with the listener, and their clients hear of it. */
static void test_destroy_listener(void)
{
	struct rdma_event_channel *sch = channel(), *cch = channel();
	struct rdma_cm_id *server = listener(sch, 8), *client[4];
	struct pollfd pfd = { .fd = sch->fd, .events = POLLIN };
	int i;

	for (i = 0; i < 4; i++)
		client[i] = knock(cch, rdma_get_src_port(server));
	NEED(poll(&pfd, 1, 5000) == 1);
	NEED(!rdma_destroy_id(server));
	for (i = 0; i < 4; i++)
		expect(cch, RDMA_CM_EVENT_REJECTED);
	NEED(!poll(&pfd, 1, 0));
	for (i = 0; i < 4; i++) {
		rdma_destroy_qp(client[i]);
		NEED(!rdma_destroy_id(client[i]));
	}
}

/* Who comes between bind and listen is not turned away. */
static void test_early(void)
{
	struct rdma_event_channel *sch = channel(), *cch = channel();
	struct rdma_cm_id *server = listener(sch, 0), *client, *id;
	struct pollfd pfd = { .fd = sch->fd, .events = POLLIN };

	client = knock(cch, rdma_get_src_port(server));
	NEED(!poll(&pfd, 1, 100));
	NEED(!rdma_listen(server, 1));
	id = expect(sch, RDMA_CM_EVENT_CONNECT_REQUEST);
	NEED(!rdma_reject(id, "no", 2));
	NEED(expect(cch, RDMA_CM_EVENT_REJECTED) == client);
	NEED(!rdma_destroy_id(id) && !rdma_destroy_id(server));
	/* and one that only wanted a port can connect from it */
	server = listener(sch, 1);
	id = listener(cch, 0);
	NEED(!rdma_resolve_addr(id, NULL, rdma_get_local_addr(client), 1000));
	NEED(expect(cch, RDMA_CM_EVENT_ADDR_RESOLVED) == id);
	NEED(!rdma_destroy_id(id) && !rdma_destroy_id(server));
}

/* TCP sockets of this process whose type of service is @tos */
static int sockets_with_tos(int tos)
{
	int fd, val, n = 0;
	socklen_t len;

	for (fd = 3; fd < 256; fd++) {
		len = sizeof(val);
		if (!getsockopt(fd, IPPROTO_IP, IP_TOS, &val, &len))
			n += val == tos;
	}
	return n;
}

/* Set before or after there is a socket; whom a listener accepts has it, too. */
static void test_tos(void)
{
	struct rdma_event_channel *sch = channel(), *cch = channel();
	struct rdma_cm_id *server = listener(sch, 0), *client, *id;
	uint8_t tos = 0x68;

	NEED(!rdma_set_option(server, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos,
			      1));
	NEED(sockets_with_tos(0x68) == 1);
	NEED(!rdma_listen(server, 1));
	client = knock(cch, rdma_get_src_port(server));
	id = expect(sch, RDMA_CM_EVENT_CONNECT_REQUEST);
	NEED(sockets_with_tos(0x68) == 2);
	tos = 0x28;
	NEED(!rdma_set_option(client, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos,
			      1));
	NEED(sockets_with_tos(0x28) == 1);
	NEED(!rdma_reject(id, NULL, 0));
	NEED(rdma_set_option(server, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos,
			     4) && errno == EINVAL);
}

/* Two listeners at one port, of IPv6 only and of IPv4; or one for both. */
static void test_afonly(void)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct rdma_event_channel *ch = channel();
	struct rdma_cm_id *a, *b;
	int only, rv;

	for (only = 0; only < 2; only++) {
		NEED(!rdma_create_id(ch, &a, NULL, RDMA_PS_TCP));
		NEED(!rdma_create_id(ch, &b, NULL, RDMA_PS_TCP));
		NEED(!rdma_set_option(a, RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY,
				      &only, sizeof(only)));
		NEED(!rdma_bind_addr(a, (struct sockaddr *)&six));
		NEED(!rdma_listen(a, 1));
		four.sin_port = rdma_get_src_port(a);
		rv = rdma_bind_addr(b, (struct sockaddr *)&four);
		if (!rv)
			rv = rdma_listen(b, 1);
		NEED(only ? !rv : rv && errno == EADDRINUSE);
		NEED(!rdma_destroy_id(a) && !rdma_destroy_id(b));
	}
}

/* STags are other ones in each process, never 0, and end as they were told. */
static void test_stags(void)
{
	uint32_t stag[2] = { 0 };
	static char buf[4096];
	int pair[2], i, j;
	pid_t pid;

	NEED(!pipe(pair));
	for (i = 0; i < 2; i++) {
		pid = fork();
		if (!pid) {
			struct ibv_context *ctx = open_device();
			struct ibv_pd *pd = ibv_alloc_pd(ctx);
			struct ibv_mr *mr;

			for (j = 0; j < 1000; j++) {
				mr = ibv_reg_mr(pd, buf, sizeof(buf), 0);
				NEED(mr && mr->rkey >> 8);
				if (!j)
					stag[0] = mr->rkey;
				NEED(j % 2 || !ibv_dereg_mr(mr));
			}
			NEED(write(pair[1], stag, 4) == 4);
			_exit(0);
		}
		NEED(waitpid(pid, &j, 0) == pid && j == 0);
		NEED(read(pair[0], &stag[i], 4) == 4);
	}
	NEED(stag[0] >> 8 != stag[1] >> 8);
}

static const struct test tests[] = {
	{ "dup", test_dup },
	{ "pass", test_pass },
	{ "poll", test_poll },
	{ "poll_destroy", test_poll_destroy },
	{ "stat", test_stat },
	{ "close_all", test_close_all },
	{ "fork", test_fork },
	{ "spawn", test_spawn },
	{ "nonsense_uverbs", test_nonsense_uverbs },
	{ "nonsense_ucma", test_nonsense_ucma },
	{ "churn", test_churn },
	{ "destroy_listener", test_destroy_listener },
	{ "early", test_early },
	{ "tos", test_tos },
	{ "afonly", test_afonly },
	{ "stags", test_stags },
	{ 0 }
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
