// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Beginnings and ends of connections, with peers that behave and with plain
 * sockets that do not; and that nothing is left of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/mpa.h"
#include "harness.h"
#include "pair.h"

#define ALL_RIGHTS	0x0f

static u8 buf[2 << 20];

/* --- plain sockets ----------------------------------------------------- */

static struct sockaddr_in loop_addr(u16 port)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};
}

static void patience(int fd)
{
	struct timeval tv = { .tv_sec = WAIT_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

static int raw_connect(u16 port)
{
	struct sockaddr_in a = loop_addr(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	patience(fd);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int raw_listen(u16 *port)
{
	struct sockaddr_in a = loop_addr(0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	patience(fd);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 5) ||
	    getsockname(fd, (struct sockaddr *)&a, &len)) {
		close(fd);
		return -1;
	}
	*port = ntohs(a.sin_port);
	return fd;
}

static int raw_accept(int fd)
{
	int s = accept(fd, NULL, NULL);

	if (s >= 0)
		patience(s);
	return s;
}

static void raw_reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static bool raw_recv(int fd, void *p, size_t len)
{
	return recv(fd, p, len, MSG_WAITALL) == (ssize_t)len;
}

static bool raw_send_frame(int fd, const struct siw_mpa_frame *f)
{
	u8 out[SIW_MPA_FRAME_MAX];
	u32 len = siw_mpa_build(out, sizeof(out), f);

	return send(fd, out, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Read to the end. Return: octets, -1: it was reset or did not end. */
static long raw_drain(int fd)
{
	long sum = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		sum += n;
	return n ? -1 : sum;
}

static u32 count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	u32 n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* --- set-up ------------------------------------------------------------ */

TEST(connect__refused_port)
{
	struct pair_opts o = {};
	struct cm_record r;
	struct end e;
	int fd;
	u16 port;

	fd = raw_listen(&port);
	close(fd);
	set_config(&o);
	end_init(&e, &o.end);
	CHECK_EQ(end_connect(&e, false, port, 1, 1, NULL), 0);
	NEED(wait_cm(&e, USIW_CM_REPLY, &r));
	CHECK_EQ(r.status, -ECONNREFUSED);
	CHECK_EQ(usiw_qp_state(e.qp), SIW_QP_INIT);
	end_fini(&e);
}

TEST(connect__rejected)
{
	struct pair_opts o = {};
	struct cm_record r;
	struct end l, e;
	u16 port;

	set_config(&o);
	NEED(listener_init(&l, false, &port));
	end_init(&e, &o.end);
	CHECK_EQ(end_connect(&e, false, port, 1, 1, "please"), 0);
	NEED(wait_cm(&l, USIW_CM_REQUEST, &r));
	usiw_lock();
	CHECK_EQ(usiw_ep_reject(r.ep, "no way", 6), 0);
	usiw_ep_destroy(r.ep);
	usiw_unlock();
	NEED(wait_cm(&e, USIW_CM_REPLY, &r));
	CHECK_EQ(r.status, -ECONNREFUSED);
	CHECK_EQ(r.pdata_len, 6);
	CHECK_MEM(r.pdata, "no way", 6);
	/* and once more with the same QP */
	usiw_lock();
	usiw_ep_destroy(e.ep);
	e.ep = usiw_ep_new(&e);
	usiw_unlock();
	CHECK_EQ(end_connect(&e, false, port, 1, 1, "please"), 0);
	NEED(wait_cm(&l, USIW_CM_REQUEST, &r));
	usiw_lock();
	usiw_ep_destroy(r.ep);
	usiw_unlock();
	NEED(wait_cm(&e, USIW_CM_REPLY, &r));
	CHECK_EQ(r.status, -ECONNREFUSED);
	CHECK_EQ(r.pdata_len, 0);
	end_fini(&e);
	end_fini(&l);
}

TEST(connect__request_dropped)
{
	struct pair_opts o = {};
	struct cm_record r;
	struct end l, e;
	u16 port;

	set_config(&o);
	NEED(listener_init(&l, false, &port));
	l.destroy_at_once = true;
	end_init(&e, &o.end);
	CHECK_EQ(end_connect(&e, false, port, 1, 1, NULL), 0);
	NEED(wait_cm(&e, USIW_CM_REPLY, &r));
	CHECK_EQ(r.status, -ECONNREFUSED);
	end_fini(&e);
	end_fini(&l);
}

TEST(connect__falls_back)
{
	struct siw_mpa_frame f = { .reply = true, .rev = 1 };
	struct pair_opts o = {};
	struct cm_record r;
	struct end e;
	u8 req[64];
	u16 port;
	int l, s;

	set_config(&o);
	l = raw_listen(&port);
	NEED(l >= 0);
	end_init(&e, &o.end);
	CHECK_EQ(end_connect(&e, false, port, 1, 1, NULL), 0);
	s = raw_accept(l);
	CHECK(raw_recv(s, req, 24));
	CHECK_EQ(req[17], 2);
	raw_reset(s);
	s = raw_accept(l);
	CHECK(raw_recv(s, req, 20));
	CHECK_EQ(req[17], 1);
	CHECK(raw_send_frame(s, &f));
	NEED(wait_cm(&e, USIW_CM_REPLY, &r));
	CHECK_EQ(r.status, 0);
	/* FIN from there: graceful */
	shutdown(s, SHUT_WR);
	CHECK(wait_cm(&e, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&e, USIW_CM_CLOSE, NULL));
	CHECK_EQ(raw_drain(s), 0);
	close(s);
	close(l);
	end_fini(&e);
}

/* What answers the Request; the program hears @status. */
static void bad_reply(const void *reply, size_t len, bool fin, int status)
{
	struct pair_opts o = { .rev1 = true };
	struct cm_record r;
	struct end e;
	u8 req[64];
	u16 port;
	int l, s;

	set_config(&o);
	l = raw_listen(&port);
	NEED(l >= 0);
	end_init(&e, &o.end);
	CHECK_EQ(end_connect(&e, false, port, 1, 1, NULL), 0);
	s = raw_accept(l);
	CHECK(raw_recv(s, req, 20));
	if (len)
		CHECK_EQ(send(s, reply, len, MSG_NOSIGNAL), len);
	if (fin)
		shutdown(s, SHUT_WR);
	NEED(wait_cm(&e, USIW_CM_REPLY, &r));
	CHECK_EQ(r.status, status);
	CHECK_EQ(cm_left(&e), 0);
	close(s);
	close(l);
	end_fini(&e);
}

TEST(connect__bad_replies)
{
	bad_reply("GET / HTTP/1.1\r\nHost:", 21, false, -EPROTO);
	bad_reply("MPA ID Req Frame\0\1\0\0", 20, false, -EPROTO);
	bad_reply("MPA ID Rep Frame\0\1\xff\xff", 20, false, -EPROTO);
	bad_reply("MPA ID Rep", 10, true, -ECONNRESET);
	bad_reply("", 0, true, -ECONNRESET);
}

TEST(listen__bad_requests)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\nHost:", "MPA ID Rep Frame\0\1\0\0",
		"MPA ID Req Frame\0\0\0\0", "MPA ID Req Frame\0\1\xff\xff",
	};
	struct siw_mpa_frame good = { .rev = 1 };
	struct pair_opts o = {};
	struct cm_record r;
	struct end l;
	u16 port;
	u32 i;
	int s;

	set_config(&o);
	NEED(listener_init(&l, false, &port));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		s = raw_connect(port);
		NEED(s >= 0);
		CHECK_EQ(send(s, bad[i], 20, MSG_NOSIGNAL), 20);
		CHECK_EQ(raw_drain(s), -1);	/* RST */
		close(s);
	}
	CHECK_EQ(cm_left(&l), 0);
	/* it still listens */
	s = raw_connect(port);
	CHECK(raw_send_frame(s, &good));
	NEED(wait_cm(&l, USIW_CM_REQUEST, &r));
	/* gone before the program answers */
	raw_reset(s);
	usiw_lock();
	usiw_ep_destroy(r.ep);
	usiw_unlock();
	end_fini(&l);
}

TEST(accept__peer_gone)
{
	struct siw_mpa_frame f = { .rev = 1 };
	struct pair_opts o = {};
	struct cm_record r;
	struct end l, e;
	u16 port;
	int s, i;

	set_config(&o);
	NEED(listener_init(&l, false, &port));
	for (i = 0; i < 2; i++) {
		int rv, ms;

		end_init(&e, &o.end);
		s = raw_connect(port);
		CHECK(raw_send_frame(s, &f));
		NEED(wait_cm(&l, USIW_CM_REQUEST, &r));
		if (i)
			raw_reset(s);
		else
			close(s);
		/* the engine sees it soon; until then accept succeeds */
		for (ms = 0; ms < 1000; ms++) {
			struct timespec ts = { .tv_nsec = 1000000 };

			nanosleep(&ts, NULL);
		}
		rv = end_accept(&e, &r, 1, 1, NULL);
		CHECK_EQ(rv, -ECONNRESET);
		CHECK_EQ(cm_left(&e), 0);
		CHECK_EQ(usiw_qp_state(e.qp), SIW_QP_INIT);
		end_fini(&e);
	}
	end_fini(&l);
}

/* Silent peers are many, and the one that speaks is served all the same. */
TEST(listen__half_open)
{
	struct siw_mpa_frame f = { .rev = 1 };
	struct pair_opts o = {};
	struct cm_record r;
	struct end l;
	int s[300], i;
	u16 port;
	u32 fds;

	set_config(&o);
	NEED(listener_init(&l, false, &port));
	fds = count_fds();
	for (i = 0; i < 300; i++)
		s[i] = raw_connect(port);
	CHECK(raw_send_frame(s[299], &f));
	NEED(wait_cm(&l, USIW_CM_REQUEST, &r));
	/* theirs and ours: no more than allowed, and the one that spoke */
	CHECK(count_fds() <= fds + 300 + 128 + 1);
	usiw_lock();
	usiw_ep_destroy(r.ep);
	usiw_unlock();
	end_fini(&l);
	for (i = 0; i < 300; i++)
		close(s[i]);
}

TEST(bind__ports)
{
	struct sockaddr_storage a = {}, b;
	struct sockaddr_in *in = (struct sockaddr_in *)&a;
	struct usiw_ep *ep[2];
	u16 shown;
	int s;

	*in = loop_addr(0);
	usiw_config.port_offset = 1000;
	usiw_lock();
	ep[0] = usiw_ep_new(&a);
	ep[1] = usiw_ep_new(&a);
	CHECK_EQ(usiw_ep_bind(ep[0], &a, false), 0);
	CHECK_EQ(usiw_ep_listen(ep[0], 5), 0);
	b = a;
	CHECK_EQ(usiw_ep_bind(ep[1], &b, false), -EADDRINUSE);
	usiw_unlock();
	shown = ntohs(in->sin_port);
	CHECK(raw_connect(shown) < 0);
	s = raw_connect((u16)(shown + 1000));
	CHECK(s >= 0);
	close(s);
	usiw_lock();
	usiw_ep_destroy(ep[0]);
	usiw_ep_destroy(ep[1]);
	usiw_unlock();
	usiw_config.port_offset = 0;
}

/* --- the end ----------------------------------------------------------- */

TEST(end__peer_reset)
{
	struct siw_mpa_frame f = { .reply = true, .rev = 1 };
	struct pair_opts o = { .rev1 = true };
	struct siw_cqe c;
	struct end e;
	u8 req[64];
	u16 port;
	int l, s;
	u32 k;

	set_config(&o);
	l = raw_listen(&port);
	end_init(&e, &o.end);
	end_reg(&e, buf, sizeof(buf), ALL_RIGHTS, &k);
	CHECK_EQ(end_connect(&e, false, port, 1, 1, NULL), 0);
	s = raw_accept(l);
	CHECK(raw_recv(s, req, 20));
	CHECK(raw_send_frame(s, &f));
	NEED(wait_cm(&e, USIW_CM_REPLY, NULL));
	CHECK(post_recv(&e, 1, buf, 64, k));
	raw_reset(s);
	CHECK(wait_cm(&e, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&e, USIW_CM_CLOSE, NULL));
	NEED(wait_cqe(&e, &c));
	CHECK_EQ(c.status, SIW_WC_WR_FLUSH_ERR);
	close(l);
	end_fini(&e);
}

/* A peer that does not read: the QP is destroyed at once, nothing waits. */
TEST(end__destroy_while_full)
{
	struct siw_mpa_frame f = { .reply = true, .rev = 1 };
	struct pair_opts o = { .rev1 = true };
	struct end e;
	u8 req[64];
	u16 port;
	int l, s, i;
	u32 k;
	long n;

	set_config(&o);
	l = raw_listen(&port);
	end_init(&e, &o.end);
	end_reg(&e, buf, sizeof(buf), ALL_RIGHTS, &k);
	CHECK_EQ(end_connect(&e, false, port, 1, 1, NULL), 0);
	s = raw_accept(l);
	CHECK(raw_recv(s, req, 20));
	CHECK(raw_send_frame(s, &f));
	NEED(wait_cm(&e, USIW_CM_REPLY, NULL));
	for (i = 0; i < 32; i++)
		CHECK(post_send(&e, 1, SIW_OP_SEND, 0, buf, sizeof(buf), k));
	usiw_lock();
	usiw_qp_destroy(e.qp);
	e.qp = NULL;
	usiw_unlock();
	CHECK(wait_cm(&e, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&e, USIW_CM_CLOSE, NULL));
	end_fini(&e);
	/* whole FPDUs, then FIN */
	n = 0;
	for (;;) {
		u8 hdr[2];
		u32 len;
		ssize_t got = recv(s, hdr, 2, MSG_WAITALL);

		if (got != 2) {
			CHECK_EQ(got, 0);
			break;
		}
		len = hdr[0] << 8 | hdr[1];
		len += (-(2 + len) & 3) + 4;
		NEED(raw_recv(s, buf, len));
		n++;
	}
	CHECK(n > 0);
	close(s);
	close(l);
}

/* The front forgets an open connection: the peer sees a FIN. */
TEST(end__ep_destroyed)
{
	struct pair_opts o = {};
	struct pair p;

	NEED(pair_init(&p, &o));
	usiw_lock();
	usiw_ep_destroy(p.a.ep);
	p.a.ep = NULL;
	usiw_unlock();
	CHECK(wait_cm(&p.b, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&p.b, USIW_CM_CLOSE, NULL));
	CHECK(wait_state(&p.a, SIW_QP_ERROR));
	CHECK_EQ(cm_left(&p.a), 0);
	pair_fini(&p);
}

TEST(end__qp_reused)
{
	struct pair_opts o = {};
	struct cm_record r;
	struct pair p;
	int i;

	NEED(pair_init(&p, &o));
	for (i = 0; i < 3; i++) {
		usiw_lock();
		CHECK_EQ(usiw_ep_disconnect(i & 1 ? p.a.ep : p.b.ep), 0);
		usiw_unlock();
		CHECK(wait_cm(&p.a, USIW_CM_DISCONNECT, NULL));
		CHECK(wait_cm(&p.a, USIW_CM_CLOSE, NULL));
		CHECK(wait_cm(&p.b, USIW_CM_DISCONNECT, NULL));
		CHECK(wait_cm(&p.b, USIW_CM_CLOSE, NULL));
		usiw_lock();
		CHECK_EQ(usiw_qp_modify(p.a.qp, SIW_QP_EV_MOD_RESET), 0);
		CHECK_EQ(usiw_qp_modify(p.b.qp, SIW_QP_EV_MOD_RESET), 0);
		CHECK_EQ(usiw_qp_modify(p.a.qp, SIW_QP_EV_MOD_INIT), 0);
		CHECK_EQ(usiw_qp_modify(p.b.qp, SIW_QP_EV_MOD_INIT), 0);
		usiw_ep_destroy(p.a.ep);
		p.a.ep = usiw_ep_new(&p.a);
		usiw_unlock();
		CHECK_EQ(end_connect(&p.a, false, p.port, 4, 4, NULL), 0);
		NEED(wait_cm(&p.listener, USIW_CM_REQUEST, &r));
		CHECK_EQ(end_accept(&p.b, &r, 4, 4, NULL), 0);
		NEED(wait_cm(&p.a, USIW_CM_REPLY, &r));
		CHECK_EQ(r.status, 0);
		NEED(wait_cm(&p.b, USIW_CM_ESTABLISHED, NULL));
	}
	CHECK(pair_close(&p));
}

/* --- many -------------------------------------------------------------- */

TEST(many__cycles)
{
	struct pair_opts o = {};
	struct siw_cqe c;
	struct pair p;
	u32 fds = 0, i, k;

	for (i = 0; i < 300; i++) {
		NEED(pair_init(&p, &o));
		end_reg(&p.b, buf, sizeof(buf), ALL_RIGHTS, &k);
		CHECK(post_recv(&p.b, i, buf, 64, k));
		CHECK(post_send(&p.a, i, SIW_OP_SEND, SIW_WQE_INLINE, buf, 8,
				0));
		NEED(wait_cqe(&p.b, &c));
		CHECK_EQ(c.status, SIW_WC_SUCCESS);
		if (i % 3)
			pair_fini(&p);	/* abruptly */
		else
			CHECK(pair_close(&p));
		if (i == 10)
			fds = count_fds();
	}
	/* sockets that linger are closed by the engine, soon */
	for (i = 0; i < WAIT_S * 100 && count_fds() > fds + 4; i++) {
		struct timespec ts = { .tv_nsec = 10000000 };

		nanosleep(&ts, NULL);
	}
	CHECK(count_fds() <= fds + 4);
}

/* --- fork -------------------------------------------------------------- */

static int child_of(struct pair *p)
{
	struct pair_opts o = {};
	struct pair mine;

	usiw_engine_alone();
	usiw_engine_forked();
	if (usiw_qp_doorbell(p->a.qp) != -EIO)
		return 2;
	usiw_unlock();
	pair_fini(p);
#ifndef __SANITIZE_THREAD__	/* which knows no threads after a fork */
	/* a life of its own */
	if (!pair_init(&mine, &o) || !pair_close(&mine))
		return 3;
#else
	(void)mine;
	(void)o;
#endif
	return 0;
}

TEST(fork__child)
{
	struct pair_opts o = {};
	struct siw_cqe c;
	struct pair p;
	int status;
	pid_t pid;
	u32 k;

	NEED(pair_init(&p, &o));
	end_reg(&p.b, buf, sizeof(buf), ALL_RIGHTS, &k);
	fflush(stdout);
	usiw_lock();
	usiw_io_ground();
	pid = fork();
	if (!pid)
		_exit(child_of(&p));
	usiw_io_clear();
	usiw_unlock();
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* the parent's connection has not noticed */
	CHECK(post_recv(&p.b, 1, buf, 64, k));
	CHECK(post_send(&p.a, 1, SIW_OP_SEND, SIW_WQE_INLINE, buf, 8, 0));
	NEED(wait_cqe(&p.b, &c));
	CHECK_EQ(c.status, SIW_WC_SUCCESS);
	CHECK(pair_close(&p));
}

SUITE(usiw_conn, CASE(connect__refused_port), CASE(connect__rejected),
      CASE(connect__request_dropped), CASE(connect__falls_back),
      CASE(connect__bad_replies), CASE(listen__bad_requests),
      CASE(accept__peer_gone), CASE(listen__half_open), CASE(bind__ports),
      CASE(end__peer_reset), CASE(end__destroy_while_full),
      CASE(end__ep_destroyed), CASE(end__qp_reused), CASE(many__cycles),
      CASE(fork__child));
