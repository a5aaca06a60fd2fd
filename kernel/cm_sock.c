// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The TCP socket of a connection: set-up, callbacks, startup frames, the end.
 * RFC 5044 sections 7.1 and 7.2
 *
 * TCP calls every callback with the socket lock held. So whoever holds that
 * lock may change what callbacks use, and nothing else is needed to be sure
 * that none of them runs.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/tcp.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <trace/events/sock.h>

#include "cm.h"
#include "trace.h"

/*
 * A lock class of our own: storage below a file system uses these sockets, so
 * they must not be mixed up with those of programs.
 */
static struct lock_class_key slock_key[2];
static struct lock_class_key lock_key[2];

static void set_lock_class(struct sock *sk)
{
	if (sk->sk_family == AF_INET)
		sock_lock_init_class_and_name(sk, "slock-AF_INET-siw",
					      &slock_key[0],
					      "sk_lock-AF_INET-siw",
					      &lock_key[0]);
	else
		sock_lock_init_class_and_name(sk, "slock-AF_INET6-siw",
					      &slock_key[1],
					      "sk_lock-AF_INET6-siw",
					      &lock_key[1]);
}

static int addr_len(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					     sizeof(struct sockaddr_in);
}

static u16 addr_port(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)addr)->sin6_port);
	return ntohs(((const struct sockaddr_in *)addr)->sin_port);
}

/**
 * siw_sock_new() - a TCP socket where the device's netdev is
 * @sdev: device
 * @family: AF_INET or AF_INET6
 * @sock: result
 *
 * The socket keeps its network namespace alive, as one of a program does: TCP
 * may have to say goodbye long after we have let go of it.
 *
 * Context: process, sleeps.
 * Return: 0 or -errno.
 */
int siw_sock_new(struct siw_device *sdev, int family, struct socket **sock)
{
	struct net *net = maybe_get_net(dev_net(sdev->netdev));
	int rv;

	if (!net)
		return -ENODEV;
	rv = sock_create_kern(net, family, SOCK_STREAM, IPPROTO_TCP, sock);
	if (!rv) {
		set_lock_class((*sock)->sk);
		sk_net_refcnt_upgrade((*sock)->sk);
		sock_set_reuseaddr((*sock)->sk);
	}
	put_net(net);
	return rv;
}

/* Was another port put in place of the one that the ULP asked for? */
static bool is_mapped(const struct iw_cm_id *id)
{
	return addr_port(&id->local_addr) != addr_port(&id->m_local_addr);
}

/**
 * siw_sock_bind() - bind to a local address
 * @sock: socket
 * @id: of the ULP
 * @addr: its local address and port, maybe completed
 * @any_port: any port will do
 *
 * The port mapper keeps a port for us by a socket of its own, which is bound
 * to it and does nothing else. We join it there.
 *
 * Context: process, sleeps.
 * Return: 0 or -errno.
 */
int siw_sock_bind(struct socket *sock, const struct iw_cm_id *id,
		  const struct sockaddr_storage *addr, bool any_port)
{
	struct sockaddr_storage a = *addr;

	if (is_mapped(id))
		sock->sk->sk_reuse = SK_FORCE_REUSE;
	if (any_port && a.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a)->sin6_port = 0;
	else if (any_port)
		((struct sockaddr_in *)&a)->sin_port = 0;
	return kernel_bind(sock, (struct sockaddr_unsized *)&a, addr_len(&a));
}

/**
 * siw_sock_tos() - type of service, as the ULP asked for
 * @sock: socket to connect or to listen with; those accepted have that of their
 *	listener
 * @id: of the ULP
 *
 * Context: process, sleeps.
 */
void siw_sock_tos(struct socket *sock, const struct iw_cm_id *id)
{
	struct sock *sk = sock->sk;

	if (!id->tos_set)
		return;
	if (sk->sk_family == AF_INET) {
		ip_sock_set_tos(sk, id->tos);
		return;
	}
#if IS_ENABLED(CONFIG_IPV6)
	lock_sock(sk);
	inet6_sk(sk)->tclass = id->tos;
	release_sock(sk);
#endif
}

/**
 * siw_sock_tune() - options of a connection
 * @sock: socket, new or just accepted
 * @p: policy
 *
 * Not for listeners: their options would pass to what they accept, whatever
 * the policy says by then.
 *
 * Keepalive finds out, by default within two minutes, that an idle peer has
 * died; nothing else would.
 *
 * Context: process, sleeps.
 */
void siw_sock_tune(struct socket *sock, const struct siw_policy *p)
{
	struct sock *sk = sock->sk;

	if (p->tcp_nodelay)
		tcp_sock_set_nodelay(sk);
	sock_set_flag(sk, SOCK_URGINLINE);
	if (p->keepalive) {
		sock_set_keepalive(sk);
		tcp_sock_set_keepidle(sk, p->keepalive);
		tcp_sock_set_keepintvl(sk, 10);
		tcp_sock_set_keepcnt(sk, 6);
	}
	if (p->user_timeout)
		tcp_sock_set_user_timeout(sk, p->user_timeout);
	siw_compat_no_task_frag(sk);
}

/**
 * siw_sock_scope() - give a link-local address its link
 * @addr: any address
 * @netdev: link it is on, if it does not say so itself
 *
 * Context: any.
 */
void siw_sock_scope(struct sockaddr_storage *addr,
		    const struct net_device *netdev)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)addr;

	if (addr->ss_family == AF_INET6 && !sin6->sin6_scope_id &&
	    ipv6_addr_type(&sin6->sin6_addr) & IPV6_ADDR_LINKLOCAL)
		sin6->sin6_scope_id = netdev->ifindex;
}

/**
 * siw_sock_reset() - release a socket with RST
 * @sock: nobody else's any more
 *
 * Context: process, sleeps.
 */
void siw_sock_reset(struct socket *sock)
{
	sock_no_linger(sock->sk);
	sock_release(sock);
}

/* rdma_cm looks for the device of the IPv4 address. */
static void unmap(struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in sin = { .sin_family = AF_INET };

	if (addr->ss_family != AF_INET6 ||
	    !ipv6_addr_v4mapped(&sin6->sin6_addr))
		return;
	sin.sin_port = sin6->sin6_port;
	sin.sin_addr.s_addr = sin6->sin6_addr.s6_addr32[3];
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &sin, sizeof(sin));
}

/**
 * siw_sock_names() - both addresses of a connection
 * @sock: socket
 * @local: result
 * @remote: result; may be NULL
 *
 * IPv4 addresses in IPv6 clothes are given as IPv4.
 *
 * Context: process, sleeps.
 * Return: 0 or -errno.
 */
int siw_sock_names(struct socket *sock, struct sockaddr_storage *local,
		   struct sockaddr_storage *remote)
{
	int rv;

	memset(local, 0, sizeof(*local));
	rv = kernel_getsockname(sock, (struct sockaddr *)local);
	if (rv < 0)
		return rv;
	unmap(local);
	if (!remote)
		return 0;
	memset(remote, 0, sizeof(*remote));
	rv = kernel_getpeername(sock, (struct sockaddr *)remote);
	if (rv < 0)
		return rv;
	unmap(remote);
	return 0;
}

/* -- callbacks: socket lock held ------------------------------------------- */

static int eat_actor(read_descriptor_t *desc, struct sk_buff *skb,
		     unsigned int off, size_t len)
{
	return len;
}

/* Keep the window open, so that the peer's FIN gets through. */
static void eat(struct sock *sk)
{
	read_descriptor_t desc = { .count = 1 };

	/* else TCP would stop at an urgent octet */
	WRITE_ONCE(tcp_sk(sk)->urg_data, 0);
	tcp_read_sock(sk, &desc, eat_actor);
}

static void cep_data_ready(struct sock *sk)
{
	struct siw_cep *cep = sk->sk_user_data;

	trace_sk_data_ready(sk);
	if (!cep)
		return;
	if (cep->rx == SIW_CEP_RX_QP)
		siw_rx_data_ready(cep->qp, sk);
	else if (cep->rx == SIW_CEP_RX_DROP)
		eat(sk);
	else
		siw_cep_notify(cep, SIW_CE_DATA);
}

static void cep_state_change(struct sock *sk)
{
	struct siw_cep *cep = sk->sk_user_data;

	if (cep)
		siw_cep_notify(cep, SIW_CE_STATE);
}

static void cep_write_space(struct sock *sk)
{
	struct siw_cep *cep = sk->sk_user_data;

	if (!cep || cep->rx != SIW_CEP_RX_QP || !sk_stream_is_writeable(sk))
		return;
	if (sk->sk_socket)
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	siw_sq_kick(cep->qp, SIW_KICK_QUEUE);
}

/**
 * siw_cep_attach() - make a socket that of a CEP
 * @cep: has none yet; its work is told to have a look at the socket
 * @sock: owned by the CEP from now on
 *
 * Context: process, sleeps. cep->lock.
 */
void siw_cep_attach(struct siw_cep *cep, struct socket *sock)
{
	struct sock *sk = sock->sk;

	cep->sock = sock;
	cep->rx = SIW_CEP_RX_MPA;
	cep->fin_seen = false;
	cep->rst_seen = false;
	cep->reset = false;
	cep->shut = false;
	cep->lingers = false;
	cep->lent = false;
	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	cep->data_ready = sk->sk_data_ready;
	cep->state_change = sk->sk_state_change;
	cep->write_space = sk->sk_write_space;
	cep->error_report = sk->sk_error_report;
	sk->sk_user_data = cep;
	sk->sk_data_ready = cep_data_ready;
	sk->sk_state_change = cep_state_change;
	sk->sk_write_space = cep_write_space;
	sk->sk_error_report = cep_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
	siw_cep_notify(cep, SIW_CE_STATE);
}

static void detach(struct siw_cep *cep)
{
	struct sock *sk = cep->sock->sk;

	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = cep->data_ready;
	sk->sk_state_change = cep->state_change;
	sk->sk_write_space = cep->write_space;
	sk->sk_error_report = cep->error_report;
	cep->rx = SIW_CEP_RX_DROP;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

/**
 * siw_cep_set_rx() - say who gets what arrives
 * @cep: end point with a socket
 * @rx: who; what has arrived already is passed on at once
 *
 * Context: process, sleeps. cep->lock.
 */
void siw_cep_set_rx(struct siw_cep *cep, enum siw_cep_rx rx)
{
	struct sock *sk = cep->sock->sk;

	lock_sock(sk);
	cep->rx = rx;
	if (rx == SIW_CEP_RX_QP)
		siw_rx_run(cep->qp, sk);
	else if (rx == SIW_CEP_RX_DROP)
		eat(sk);
	release_sock(sk);
}

/*
 * Memory that was lent to TCP goes back to its owner when the QP lets go of the
 * connection. So TCP must not send from it any more: what the peer has not
 * acknowledged by now is given up.
 */
static bool still_lent(const struct siw_cep *cep)
{
	return cep->lent && cep->sock &&
	       !tcp_rtx_and_write_queues_empty(cep->sock->sk);
}

/**
 * siw_cep_detach_qp() - let go of the QP
 * @cep: has one
 *
 * Context: process, sleeps. cep->lock.
 */
void siw_cep_detach_qp(struct siw_cep *cep)
{
	cep->lent = atomic_read(&cep->qp->loans);
	siw_qp_detach(cep->qp);
	cep->qp = NULL;
}

/**
 * siw_cep_close() - let go of the socket, and maybe of the QP
 * @cep: any state
 * @keep_qp: the QP is waiting for another attempt to connect
 *
 * Octets that nobody reads would turn the FIN of close() into an RST, which
 * could destroy a Terminate that the peer has not read yet.
 *
 * Context: process, sleeps. cep->lock.
 */
void siw_cep_close(struct siw_cep *cep, bool keep_qp)
{
	struct socket *sock = cep->sock;

	if (sock)
		detach(cep);
	if (cep->qp && !keep_qp)
		siw_cep_detach_qp(cep);
	cep->reset |= still_lent(cep);
	if (!sock)
		return;
	cep->sock = NULL;
	if (cep->reset) {
		siw_sock_reset(sock);
		return;
	}
	lock_sock(sock->sk);
	eat(sock->sk);
	release_sock(sock->sk);
	sock_release(sock);
}

/* -- TCP connect ------------------------------------------------------------ */

static int try_connect(struct siw_cep *cep, bool any_port)
{
	struct sockaddr_storage local = cep->id->m_local_addr;
	struct sockaddr_storage remote = cep->id->m_remote_addr;
	struct socket *sock;
	int rv;

	siw_sock_scope(&local, cep->sdev->netdev);
	siw_sock_scope(&remote, cep->sdev->netdev);
	rv = siw_sock_new(cep->sdev, local.ss_family, &sock);
	if (rv)
		return rv;
	siw_sock_tune(sock, &cep->policy);
	siw_sock_tos(sock, cep->id);
	rv = siw_sock_bind(sock, cep->id, &local, any_port);
	if (rv) {
		sock_release(sock);
		return rv;
	}
	siw_cep_attach(cep, sock);
	rv = kernel_connect(sock, (struct sockaddr_unsized *)&remote,
			    addr_len(&remote), O_NONBLOCK);
	if (!rv || rv == -EINPROGRESS)
		return 0;
	siw_cep_close(cep, true);
	return rv;
}

/**
 * siw_cep_connect() - begin to connect TCP
 * @cep: active, without a socket
 *
 * rdma_cm picks local ports from a space of its own, without looking at TCP's.
 * Where its choice is taken by a socket of the host, another port will do,
 * unless it is one of the ports that mean something to the peer.
 *
 * Context: process, sleeps. cep->lock.
 * Return: 0: under way; -errno.
 */
int siw_cep_connect(struct siw_cep *cep)
{
	const struct sockaddr_storage *local = &cep->id->m_local_addr;
	int rv;

	if (local->ss_family != cep->id->m_remote_addr.ss_family ||
	    (local->ss_family != AF_INET && local->ss_family != AF_INET6))
		return -EAFNOSUPPORT;
	rv = try_connect(cep, false);
	if ((rv == -EADDRINUSE || rv == -EADDRNOTAVAIL) &&
	    addr_port(local) >= PROT_SOCK)
		rv = try_connect(cep, true);
	return rv;
}

/* -- startup frames --------------------------------------------------------- */

/* A new socket has room for what is sent before Full Operation. */
static int send_octets(struct socket *sock, void *buf, u32 len)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	int n = kernel_sendmsg(sock, &msg, &vec, 1, len);

	if (n < 0)
		return n;
	return n == len ? 0 : -EAGAIN;
}

/**
 * siw_cep_send() - send a startup frame, in one piece
 * @cep: connected
 * @f: frame
 *
 * Context: process, sleeps for memory only. cep->lock.
 * Return: 0 or -errno.
 * RFC 5044 §7.1.1
 */
int siw_cep_send(struct siw_cep *cep, const struct siw_mpa_frame *f)
{
	u8 *buf = kmalloc(SIW_MPA_FRAME_MAX, GFP_KERNEL);
	int rv = -EINVAL;
	u32 len;

	if (!buf)
		return -ENOMEM;
	len = siw_mpa_build(buf, SIW_MPA_FRAME_MAX, f);
	trace_siw_mpa_send(cep, f);
	if (len)
		rv = send_octets(cep->sock, buf, len);
	kfree(buf);
	return rv;
}

/**
 * siw_cep_send_term() - initiator: tell why the Reply will not do
 * @cep: cep->res says why; no FPDU was sent yet
 *
 * Context: process, sleeps for memory only. cep->lock.
 * Return: 0 or -errno.
 * RFC 6581 §8, §9
 */
int siw_cep_send_term(struct siw_cep *cep)
{
	const struct siw_mpa_result *res = &cep->res;
	const struct siw_tx_params p = {
		.crc = res->crc,
		.markers = res->markers_tx,
	};
	enum siw_err err = res->term ? res->term : SIW_E_MPA_LOCAL;
	u8 fpdu[SIW_TX_TERM_MAX];
	struct siw_term term;
	struct siw_tx *tx;
	u32 len;

	tx = kmalloc(sizeof(*tx), GFP_KERNEL);
	if (!tx)
		return -ENOMEM;
	len = siw_tx_lone_term(tx, &p, err, fpdu);
	kfree(tx);
	siw_count(cep->sdev, SIW_CNT_TX_MSG + RDMAP_TERMINATE);
	siw_term_init(&term, err, NULL, 0);
	siw_count_term(cep->sdev, SIW_CNT_TX_TERM, term.layer);
	return send_octets(cep->sock, fpdu, len);
}

/**
 * siw_cep_recv() - read on in the peer's startup frame
 * @cep: connected; octets behind the frame stay in the socket
 *
 * Context: process, does not wait. cep->lock.
 * Return: 1: siw_mpa_parse() can tell; 0: more has to come; -errno.
 * RFC 5044 §7.1.1
 */
int siw_cep_recv(struct siw_cep *cep)
{
	enum siw_mpa_role self = cep->passive ? SIW_MPA_RESPONDER :
						SIW_MPA_INITIATOR;
	struct msghdr msg = {};
	struct kvec vec;
	u32 need;
	int n;

	while ((need = siw_mpa_need(self, cep->frame, cep->frame_len))) {
		vec.iov_base = cep->frame + cep->frame_len;
		vec.iov_len = need;
		n = kernel_recvmsg(cep->sock, &msg, &vec, 1, need,
				   MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -EAGAIN || n == 0)
			return 0;
		if (n < 0)
			return n;
		cep->frame_len += n;
	}
	return 1;
}

/**
 * siw_cep_tail() - how much has arrived behind the frame
 * @cep: connected, frame complete
 *
 * Context: process, sleeps. cep->lock.
 * Return: octets.
 */
u32 siw_cep_tail(struct siw_cep *cep)
{
	struct sock *sk = cep->sock->sk;
	int n;

	lock_sock(sk);
	n = tcp_inq(sk);
	release_sock(sk);
	return n > 0 ? n : 0;
}
