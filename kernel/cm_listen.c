// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Listening: sockets, and which device a connection belongs to.
 * RFC 5044 section 7.1.2 (responder)
 *
 * rdma_cm turns a listener without an address into one per device. TCP has
 * room for one socket per port only, and binding each to its netdev would miss
 * the connections of the same host, which arrive on lo. So these listeners
 * share a socket, a struct siw_port, and a connection goes to the device whose
 * netdev has the address that it was made to.
 *
 * A peer can connect and say nothing. The number of set-ups without a Request is
 * limited per port; when there are that many, the oldest has to go for the
 * newest, unless it is so young that it may still speak up.
 */
#include <linux/inetdevice.h>
#include <linux/net.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <trace/events/sock.h>

#include "cm.h"
#include "debug.h"

#define HALF_OPEN_MIN	16
#define HALF_OPEN_MAX	1024
#define ACCEPT_BURST	64	/* before others have a turn */

struct siw_port {
	struct kref ref;
	struct list_head entry;		/* ports, ports_lock */
	struct delayed_work work;	/* referenced while pending */
	struct mutex lock;		/* sock, listeners */
	struct socket *sock;		/* NULL: closed */
	void (*data_ready)(struct sock *sk);
	struct list_head listeners;
	struct sockaddr_storage addr;
	bool v6only;
	bool wildcard;

	spinlock_t kids_lock;		/* CEPs in AWAIT_REQ, oldest first */
	struct list_head kids;
	u32 kid_cnt;
	u32 kid_max;
};

static DEFINE_MUTEX(ports_lock);
static LIST_HEAD(ports);
static DEFINE_XARRAY_ALLOC1(listeners);
static u32 next_listener;

static void port_free(struct kref *ref)
{
	kfree(container_of(ref, struct siw_port, ref));
}

static void port_put(struct siw_port *port)
{
	kref_put(&port->ref, port_free);
}

static void port_queue(struct siw_port *port, unsigned long delay)
{
	kref_get(&port->ref);
	if (!queue_delayed_work(siw_cm_wq, &port->work, delay))
		port_put(port);
}

static void listener_free(struct kref *ref)
{
	struct siw_listener *l = container_of(ref, struct siw_listener, ref);

	port_put(l->port);
	kfree(l);
}

/**
 * siw_listener_put() - give a reference back
 * @l: may be gone afterwards
 *
 * Context: process.
 */
void siw_listener_put(struct siw_listener *l)
{
	kref_put(&l->ref, listener_free);
}

/**
 * siw_listener_upcall() - tell iw_cm of a connection request
 * @l: listener, maybe destroyed meanwhile
 * @ev: event
 *
 * Context: process.
 * Return: 0; -errno: nobody will answer the request.
 */
int siw_listener_upcall(struct siw_listener *l, struct iw_cm_event *ev)
{
	struct iw_cm_id *id;
	int rv;

	spin_lock_bh(&l->lock);
	id = l->id;
	if (id)
		id->add_ref(id);
	spin_unlock_bh(&l->lock);
	if (!id)
		return -ECONNABORTED;
	rv = id->event_handler(id, ev);
	id->rem_ref(id);
	return rv;
}

/* -- addresses ----------------------------------------------------------------- */

static bool is_wildcard(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET6)
		return ipv6_addr_any(&((struct sockaddr_in6 *)addr)->sin6_addr);
	return ((struct sockaddr_in *)addr)->sin_addr.s_addr ==
	       htonl(INADDR_ANY);
}

static bool has_ipv4(const struct net_device *netdev, __be32 addr)
{
	const struct in_ifaddr *ifa;
	struct in_device *in_dev;
	bool found = false;

	if (ipv4_is_loopback(addr))
		return netdev->flags & IFF_LOOPBACK;
	rcu_read_lock();
	in_dev = __in_dev_get_rcu(netdev);
	if (in_dev)
		in_dev_for_each_ifa_rcu(ifa, in_dev)
			found |= ifa->ifa_local == addr;
	rcu_read_unlock();
	return found;
}

static bool has_ipv6(struct net_device *netdev, const struct sockaddr_in6 *sin6)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6_addr_type(&sin6->sin6_addr) & IPV6_ADDR_LINKLOCAL &&
	    sin6->sin6_scope_id && sin6->sin6_scope_id != netdev->ifindex)
		return false;
	return ipv6_chk_addr(dev_net(netdev), &sin6->sin6_addr, netdev, 1);
#else
	return false;
#endif
}

static bool has_addr(struct net_device *netdev,
		     const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)addr;

	if (addr->ss_family == AF_INET6)
		return has_ipv6(netdev, (const struct sockaddr_in6 *)addr);
	return has_ipv4(netdev, sin->sin_addr.s_addr);
}

static struct siw_listener *find_listener(struct siw_port *port,
					  struct socket *sock)
{
	struct sockaddr_storage addr;
	struct siw_listener *l;

	if (siw_sock_names(sock, &addr, NULL))
		return NULL;
	list_for_each_entry(l, &port->listeners, entry)
		if (!port->wildcard || has_addr(l->sdev->netdev, &addr))
			return l;
	return NULL;
}

/* -- accepting -------------------------------------------------------------------- */

static void listen_data_ready(struct sock *sk)
{
	struct siw_port *port = sk->sk_user_data;

	trace_sk_data_ready(sk);
	/* Connections that wait to be accepted are copies of the listener. */
	if (port && sk->sk_state == TCP_LISTEN)
		port_queue(port, 0);
}

/**
 * siw_port_forget() - a CEP does not wait for its Request any more
 * @cep: maybe in AWAIT_REQ until now
 *
 * Context: process. cep->lock.
 */
void siw_port_forget(struct siw_cep *cep)
{
	struct siw_port *port = cep->port;

	if (!port)
		return;
	cep->port = NULL;
	spin_lock_bh(&port->kids_lock);
	list_del_init(&cep->kid_entry);
	port->kid_cnt--;
	spin_unlock_bh(&port->kids_lock);
	port_queue(port, 0);
	port_put(port);
}

static void remember(struct siw_port *port, struct siw_cep *cep)
{
	kref_get(&port->ref);
	cep->port = port;
	spin_lock_bh(&port->kids_lock);
	list_add_tail(&cep->kid_entry, &port->kids);
	port->kid_cnt++;
	spin_unlock_bh(&port->kids_lock);
}

/* May one more be accepted? If not, see to it that some time one may. */
static bool has_room(struct siw_port *port)
{
	unsigned long patience = msecs_to_jiffies(SIW_CM_CROWD_MS);
	struct siw_cep *oldest;
	bool room, evict = false;

	spin_lock_bh(&port->kids_lock);
	room = port->kid_cnt < port->kid_max;
	if (!room) {
		oldest = list_first_entry(&port->kids, struct siw_cep,
					  kid_entry);
		evict = time_after(jiffies, oldest->born + patience);
		if (evict)
			siw_cep_post(oldest, SIW_CE_CROWDED);
	}
	spin_unlock_bh(&port->kids_lock);
	if (!room && !evict)
		port_queue(port, patience);
	return room;
}

static void adopt(struct siw_port *port, struct siw_listener *l,
		  struct socket *sock)
{
	struct siw_cep *cep = siw_cep_new(l->sdev);
	struct sock *sk = sock->sk;

	if (!cep) {
		siw_sock_reset(sock);
		return;
	}
	siw_cep_get(cep);
	mutex_lock(&cep->lock);
	cep->passive = true;
	kref_get(&l->ref);
	cep->listener = l;
	remember(port, cep);
	siw_sock_tune(sock, &cep->policy);
	lock_sock(sk);
	sk->sk_data_ready = port->data_ready;
	sk->sk_user_data = NULL;
	release_sock(sk);
	siw_cep_attach(cep, sock);
	siw_cep_step(cep, SIW_CM_EV_TCP_CHILD);
	mutex_unlock(&cep->lock);
	siw_cep_put(cep);
}

/* Return: false: nothing to accept now. */
static bool accept_one(struct siw_port *port)
{
	struct siw_listener *l;
	struct socket *sock;
	int rv;

	rv = kernel_accept(port->sock, &sock, O_NONBLOCK);
	if (rv == -EAGAIN)
		return false;
	if (rv == -ENOMEM || rv == -ENFILE || rv == -ENOBUFS) {
		port_queue(port, HZ / 10);
		return false;
	}
	if (rv)
		return rv == -ECONNABORTED;
	l = find_listener(port, sock);
	if (l)
		adopt(port, l, sock);
	else
		siw_sock_reset(sock);
	return true;
}

static void port_work(struct work_struct *work)
{
	struct siw_port *port = container_of(to_delayed_work(work),
					     struct siw_port, work);
	unsigned int flags = memalloc_noio_save();
	int n = ACCEPT_BURST;

	mutex_lock(&port->lock);
	while (port->sock && has_room(port) && accept_one(port)) {
		if (--n)
			continue;
		port_queue(port, 0);
		break;
	}
	mutex_unlock(&port->lock);
	memalloc_noio_restore(flags);
	port_put(port);
}

/* -- ports: ports_lock ---------------------------------------------------------------- */

static struct net *port_net(const struct siw_port *port)
{
	return sock_net(port->sock->sk);
}

static bool same_addr(const struct sockaddr_storage *a,
		      const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)b;
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return a6->sin6_port == b6->sin6_port &&
		       ipv6_addr_equal(&a6->sin6_addr, &b6->sin6_addr);
	return a4->sin_port == b4->sin_port &&
	       a4->sin_addr.s_addr == b4->sin_addr.s_addr;
}

/* iw_cm sets afonly for all IPv4 addresses. */
static bool is_v6only(const struct iw_cm_id *id)
{
	return id->m_local_addr.ss_family == AF_INET6 && id->afonly;
}

/* A port that a wildcard listener may share, with a reference */
static struct siw_port *find_port(struct net *net,
				  const struct sockaddr_storage *addr,
				  bool v6only)
{
	struct siw_port *port;

	list_for_each_entry(port, &ports, entry)
		if (port->wildcard && net_eq(port_net(port), net) &&
		    port->v6only == v6only && same_addr(&port->addr, addr)) {
			kref_get(&port->ref);
			return port;
		}
	return NULL;
}

static int open_socket(struct siw_port *port, struct siw_device *sdev,
		       const struct iw_cm_id *id, int backlog)
{
	struct siw_policy policy;
	struct socket *sock;
	struct sock *sk;
	int rv;

	rv = siw_sock_new(sdev, port->addr.ss_family, &sock);
	if (rv)
		return rv;
	sk = sock->sk;
	siw_policy_get(sdev, &policy);
	siw_sock_tos(sock, id);
#if IS_ENABLED(CONFIG_IPV6)
	if (port->v6only) {
		rv = ip6_sock_set_v6only(sk);
		if (rv)
			goto err;
	}
#endif
	rv = siw_sock_bind(sock, id, &port->addr, false);
	if (rv)
		goto err;
	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	port->data_ready = sk->sk_data_ready;
	sk->sk_user_data = port;
	sk->sk_data_ready = listen_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
	port->sock = sock;
	rv = kernel_listen(sock, max_t(int, backlog, policy.listen_backlog));
	if (!rv)
		return 0;
	port->sock = NULL;
	sk->sk_user_data = NULL;
err:
	sock_release(sock);
	return rv;
}

static struct siw_port *new_port(struct siw_device *sdev,
				 const struct iw_cm_id *id,
				 const struct sockaddr_storage *addr,
				 int backlog)
{
	struct siw_port *port = kzalloc(sizeof(*port), GFP_KERNEL);
	int rv;

	if (!port)
		return ERR_PTR(-ENOMEM);
	kref_init(&port->ref);
	mutex_init(&port->lock);
	spin_lock_init(&port->kids_lock);
	INIT_LIST_HEAD(&port->listeners);
	INIT_LIST_HEAD(&port->kids);
	INIT_DELAYED_WORK(&port->work, port_work);
	port->addr = *addr;
	port->wildcard = is_wildcard(addr);
	port->v6only = is_v6only(id);
	rv = open_socket(port, sdev, id, backlog);
	if (rv) {
		kfree(port);
		return ERR_PTR(rv);
	}
	list_add(&port->entry, &ports);
	return port;
}

/* The listening sockets's last user has gone. Whatever waits in it gets RST. */
static void close_port(struct siw_port *port)
{
	struct sock *sk = port->sock->sk;

	lockdep_assert_held(&port->lock);
	list_del(&port->entry);
	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = port->data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
	sock_release(port->sock);
	port->sock = NULL;
}

/* -- listeners ------------------------------------------------------------------------- */

static int join_port(struct siw_listener *l, struct iw_cm_id *id, int backlog)
{
	struct sockaddr_storage addr = id->m_local_addr;
	struct siw_port *port = NULL;

	siw_sock_scope(&addr, l->sdev->netdev);
	if (is_wildcard(&addr))
		port = find_port(dev_net(l->sdev->netdev), &addr,
				 is_v6only(id));
	if (!port)
		port = new_port(l->sdev, id, &addr, backlog);
	if (IS_ERR(port))
		return PTR_ERR(port);
	l->port = port;		/* takes over the reference */
	mutex_lock(&port->lock);
	list_add_tail(&l->entry, &port->listeners);
	port->kid_max = clamp_t(u32, max_t(u32, port->kid_max, backlog),
				HALF_OPEN_MIN, HALF_OPEN_MAX);
	mutex_unlock(&port->lock);
	return 0;
}

static void leave_port(struct siw_listener *l)
{
	struct siw_port *port = l->port;

	lockdep_assert_held(&ports_lock);
	mutex_lock(&port->lock);
	list_del(&l->entry);
	if (list_empty(&port->listeners))
		close_port(port);
	mutex_unlock(&port->lock);
}

/* Those that have said nothing go; those that iw_cm knows may still be taken. */
static void leave_kids(struct siw_listener *l)
{
	struct siw_device *sdev = l->sdev;
	struct siw_cep *cep;

	spin_lock_bh(&sdev->ceps_lock);
	list_for_each_entry(cep, &sdev->ceps, dev_entry)
		if (READ_ONCE(cep->listener) == l)
			siw_cep_post(cep, SIW_CE_ORPHAN);
	spin_unlock_bh(&sdev->ceps_lock);
}

/* ports_lock; the listener was taken out of the table */
static void stop_listener(struct siw_listener *l)
{
	struct iw_cm_id *id;

	leave_port(l);
	spin_lock_bh(&l->lock);
	id = l->id;
	l->id = NULL;
	spin_unlock_bh(&l->lock);
	leave_kids(l);
	id->rem_ref(id);
	siw_listener_put(l);
}

static struct siw_listener *new_listener(struct iw_cm_id *id)
{
	struct siw_listener *l = kzalloc(sizeof(*l), GFP_KERNEL);

	if (!l)
		return NULL;
	kref_init(&l->ref);
	spin_lock_init(&l->lock);
	l->sdev = to_siw_dev(id->device);
	l->id = id;
	return l;
}

/**
 * siw_create_listen() - iw_cm: listen
 * @id: address; gets the connection requests
 * @backlog: connections that may wait
 *
 * Context: process, sleeps.
 * Return: 0 or -errno.
 */
int siw_create_listen(struct iw_cm_id *id, int backlog)
{
	struct siw_listener *l;
	int family = id->m_local_addr.ss_family;
	int rv;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	l = new_listener(id);
	if (!l)
		return -ENOMEM;
	mutex_lock(&ports_lock);
	rv = xa_alloc_cyclic(&listeners, &l->handle, l, xa_limit_32b,
			     &next_listener, GFP_KERNEL);
	if (rv >= 0)
		rv = join_port(l, id, backlog);
	if (!rv) {
		id->add_ref(id);
		id->provider_data = (void *)(uintptr_t)l->handle;
	} else if (l->handle) {
		xa_erase(&listeners, l->handle);
	}
	mutex_unlock(&ports_lock);
	siw_dbg(l->sdev, DBG_CM, "listener %u on %pISpc, backlog %d: %d\n",
		l->handle, &id->m_local_addr, backlog, rv);
	if (rv)
		kfree(l);
	return rv;
}

/**
 * siw_destroy_listen() - iw_cm: listen no more
 * @id: of siw_create_listen()
 *
 * Context: process, sleeps.
 * Return: 0.
 */
int siw_destroy_listen(struct iw_cm_id *id)
{
	u32 handle = (u32)(uintptr_t)id->provider_data;
	struct siw_listener *l;

	mutex_lock(&ports_lock);
	l = handle ? xa_erase(&listeners, handle) : NULL;
	if (l)
		stop_listener(l);
	mutex_unlock(&ports_lock);
	return 0;
}

/**
 * siw_listen_device_gone() - end all listeners of a device
 * @sdev: device
 *
 * Context: process, sleeps.
 */
void siw_listen_device_gone(struct siw_device *sdev)
{
	struct siw_listener *l;
	unsigned long handle;

	mutex_lock(&ports_lock);
	xa_for_each(&listeners, handle, l) {
		if (l->sdev != sdev)
			continue;
		xa_erase(&listeners, handle);
		stop_listener(l);
	}
	mutex_unlock(&ports_lock);
}

/**
 * siw_listen_show() - a line for each listener of a device
 * @m: debugfs file
 * @sdev: device
 *
 * Context: process, sleeps.
 */
void siw_listen_show(struct seq_file *m, struct siw_device *sdev)
{
	struct siw_listener *l;
	unsigned long handle;

	mutex_lock(&ports_lock);
	xa_for_each(&listeners, handle, l)
		if (l->sdev == sdev)
			seq_printf(m, "listener %lu local=%pISpc half_open=%u/%u\n",
				   handle, &l->port->addr,
				   READ_ONCE(l->port->kid_cnt),
				   READ_ONCE(l->port->kid_max));
	mutex_unlock(&ports_lock);
}

/**
 * siw_listen_exit() - at module unload; no device is left
 *
 * Context: process, sleeps.
 */
void siw_listen_exit(void)
{
	xa_destroy(&listeners);
}
