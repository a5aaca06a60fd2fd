// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * See back.h. Which events may come in which state is what core/cmsm.c lets the
 * real one say.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>

#include "back.h"
#include "usiw/usiw.h"

#define PD_MAX	512

enum ep_state { EP_NEW, EP_BOUND, EP_LISTEN, EP_CONNECT, EP_REQUEST, EP_ACCEPT,
		EP_UP, EP_DEAD };

struct usiw_ep {
	struct usiw_ep *next;
	enum ep_state state;
	void *owner;
	struct usiw_qp *qp;
};

struct usiw_mr { u32 stag; };
struct usiw_cq { u32 id; };
struct usiw_srq { u32 limit; };

struct usiw_qp {
	struct usiw_qp *next;
	u32 num, access;
	enum siw_qp_state state;
};

void (*usiw_at_lock)(void);
void (*usiw_at_unlock)(void);
bool (*usiw_engine_gate)(void);
bool usiw_sockets_shared;
struct fuzz_in *back_failures;

static struct usiw_ep *eps;
static struct usiw_qp *qps;
static u32 others, last_num;
static bool locked;

/* --- the lock, the engine ---------------------------------------------- */

void usiw_lock(void)
{
	MUST(!locked);
	locked = true;
	if (usiw_at_lock)
		usiw_at_lock();
}

void usiw_unlock(void)
{
	if (usiw_at_unlock)
		usiw_at_unlock();
	MUST(locked);
	locked = false;
}

u64 usiw_now_ms(void)
{
	return 1;
}

/* Nothing is ever in flight. */
void usiw_io_ground(void)
{
}

void usiw_io_clear(void)
{
}

int usiw_engine_start(void)
{
	return 0;
}

bool usiw_engine_runs(void)
{
	return false;
}

void usiw_engine_alone(void)
{
}

void usiw_engine_forked(void)
{
}

void usiw_engine_adopt(void)
{
}

static bool fails(void)
{
	MUST(locked);
	return back_failures && fuzz_u8(back_failures) >= 0xe0;
}

static void *make(size_t size)
{
	void *p = fails() ? NULL : calloc(1, size);

	others += !!p;
	return p;
}

static void destroy(void *p)
{
	MUST(locked && p && others);
	others--;
	free(p);
}

/* --- memory, queues ---------------------------------------------------- */

struct usiw_mr *usiw_mr_reg(struct usiw_pd *pd, u64 addr, u64 len, u64 iova,
			    u32 access, u8 key, u32 *stag)
{
	struct usiw_mr *mr = make(sizeof(*mr));

	(void)pd;
	(void)access;
	MUST(len && addr <= ~0ULL - len && iova <= ~0ULL - len);
	if (mr)
		*stag = mr->stag = 0x100 | key;
	return mr;
}

void usiw_mr_dereg(struct usiw_mr *mr)
{
	destroy(mr);
}

struct usiw_cq *usiw_cq_create(struct siw_cqe *ring, u32 num_cqe, void *owner)
{
	MUST(ring && num_cqe && !(num_cqe & (num_cqe - 1)) && owner);
	return make(sizeof(struct usiw_cq));
}

void usiw_cq_destroy(struct usiw_cq *cq)
{
	destroy(cq);
}

u32 usiw_cq_id(const struct usiw_cq *cq)
{
	return cq->id;
}

struct usiw_srq *usiw_srq_create(struct usiw_pd *pd, struct siw_rqe *ring,
				 u32 num_rqe, u32 max_sge, void *owner)
{
	MUST(pd && ring && num_rqe && owner && max_sge <= SIW_MAX_SGE);
	return make(sizeof(struct usiw_srq));
}

int usiw_srq_limit(struct usiw_srq *srq, u32 limit)
{
	srq->limit = limit;
	return 0;
}

u32 usiw_srq_limit_left(const struct usiw_srq *srq)
{
	return srq->limit;
}

void usiw_srq_destroy(struct usiw_srq *srq)
{
	destroy(srq);
}

struct usiw_qp *usiw_qp_create(const struct usiw_qp_attr *attr)
{
	struct usiw_qp *qp;

	MUST(attr->pd && attr->scq && attr->rcq && attr->owner && attr->sq);
	MUST(!attr->rq == !attr->num_rqe && !(attr->rq && attr->srq));
	qp = make(sizeof(*qp));
	if (!qp)
		return NULL;
	qp->num = ++last_num;
	qp->next = qps;
	qps = qp;
	return qp;
}

static void must_be_qp(const struct usiw_qp *qp)
{
	const struct usiw_qp *i = qps;

	while (i && i != qp)
		i = i->next;
	MUST(i);
}

u32 usiw_qp_num(const struct usiw_qp *qp)
{
	return qp->num;
}

int usiw_qp_modify(struct usiw_qp *qp, enum siw_qp_ev ev)
{
	must_be_qp(qp);
	(void)ev;
	return fails() ? -EINVAL : 0;
}

void usiw_qp_tell_drained(struct usiw_qp *qp, bool on)
{
	(void)qp;
	(void)on;
}

void usiw_qp_set_access(struct usiw_qp *qp, u32 access)
{
	qp->access = access;
}

u32 usiw_qp_access(const struct usiw_qp *qp)
{
	return qp->access;
}

enum siw_qp_state usiw_qp_state(const struct usiw_qp *qp)
{
	return qp->state;
}

void usiw_qp_rdq(const struct usiw_qp *qp, u32 *ird, u32 *ord)
{
	must_be_qp(qp);
	*ird = 300;
	*ord = 2;
}

int usiw_qp_doorbell(struct usiw_qp *qp)
{
	must_be_qp(qp);
	return fails() ? -EINVAL : 0;
}

static void up(struct usiw_ep *ep, enum usiw_cm_ev ev, int status,
	       enum ep_state next)
{
	struct usiw_cm_event e = { .ev = ev, .status = status, .ird = 5,
				   .ord = 400 };

	ep->state = next;
	usiw_up_cm(ep->owner, &e);
}

void usiw_qp_destroy(struct usiw_qp *qp)
{
	struct usiw_qp **i = &qps;
	struct usiw_ep *ep;

	must_be_qp(qp);
	while (*i != qp)
		i = &(*i)->next;
	*i = qp->next;
	for (ep = eps; ep; ep = ep->next) {
		if (ep->qp != qp)
			continue;
		ep->qp = NULL;
		if (ep->state != EP_DEAD)
			up(ep, USIW_CM_CLOSE, 0, EP_DEAD);
	}
	destroy(qp);
}

/* --- end points -------------------------------------------------------- */

static struct usiw_ep *ep_new(void *owner)
{
	struct usiw_ep *ep = calloc(1, sizeof(*ep));

	MUST(ep);
	ep->owner = owner;
	ep->next = eps;
	eps = ep;
	return ep;
}

struct usiw_ep *usiw_ep_new(void *owner)
{
	MUST(locked && owner);
	return fails() ? NULL : ep_new(owner);
}

static bool is_ep(const struct usiw_ep *ep)
{
	const struct usiw_ep *i = eps;

	while (i && i != ep)
		i = i->next;
	return i;
}

/* A call that may be made in the states of @states, a bit each. */
static void call(const struct usiw_ep *ep, u32 states)
{
	MUST(locked && is_ep(ep) && states >> ep->state & 1);
}

#define IN(state)	(1u << (state))
#define ANY		(~0u)

void usiw_ep_set_tos(struct usiw_ep *ep, u8 tos)
{
	(void)tos;
	call(ep, ANY);
}

void usiw_ep_set_v6only(struct usiw_ep *ep)
{
	call(ep, IN(EP_NEW));
}

int usiw_ep_bind(struct usiw_ep *ep, struct sockaddr_storage *addr, bool reuse)
{
	struct sockaddr_in *in = (struct sockaddr_in *)addr;

	(void)reuse;
	call(ep, IN(EP_NEW));
	MUST(addr->ss_family == AF_INET || addr->ss_family == AF_INET6);
	if (fails())
		return -EADDRINUSE;
	/* the port is in the same place in both */
	if (!in->sin_port)
		in->sin_port = htons(4711);
	ep->state = EP_BOUND;
	return 0;
}

int usiw_ep_listen(struct usiw_ep *ep, int backlog)
{
	call(ep, IN(EP_BOUND));
	MUST(backlog > 0);
	if (fails())
		return -EADDRINUSE;
	ep->state = EP_LISTEN;
	return 0;
}

int usiw_ep_connect(struct usiw_ep *ep, struct usiw_qp *qp,
		    const struct sockaddr_storage *local,
		    const struct sockaddr_storage *remote,
		    const struct usiw_conn_param *param)
{
	call(ep, IN(EP_NEW) | IN(EP_BOUND));
	must_be_qp(qp);
	MUST(local->ss_family == remote->ss_family && param->pdata_len < 256);
	if (fails())
		return -ECONNREFUSED;
	ep->qp = qp;
	ep->state = EP_CONNECT;
	return 0;
}

int usiw_ep_accept(struct usiw_ep *ep, struct usiw_qp *qp,
		   const struct usiw_conn_param *param)
{
	call(ep, IN(EP_REQUEST) | IN(EP_DEAD));
	must_be_qp(qp);
	MUST(param->pdata_len < 256);
	if (ep->state == EP_DEAD || fails())
		return -ECONNRESET;
	ep->qp = qp;
	ep->state = EP_ACCEPT;
	return 0;
}

int usiw_ep_reject(struct usiw_ep *ep, const void *pdata, u32 len)
{
	call(ep, IN(EP_REQUEST) | IN(EP_DEAD));
	MUST(len < 256 && pdata);
	if (ep->state == EP_DEAD || fails())
		return -ECONNRESET;
	ep->state = EP_DEAD;
	return 0;
}

int usiw_ep_disconnect(struct usiw_ep *ep)
{
	call(ep, IN(EP_CONNECT) | IN(EP_ACCEPT) | IN(EP_UP) | IN(EP_DEAD));
	return fails() ? -EINVAL : 0;
}

void usiw_ep_set_owner(struct usiw_ep *ep, void *owner)
{
	call(ep, ANY);
	ep->owner = owner;
}

void usiw_ep_destroy(struct usiw_ep *ep)
{
	struct usiw_ep **i = &eps;

	call(ep, ANY);
	while (*i != ep)
		i = &(*i)->next;
	*i = ep->next;
	free(ep);
}

void usiw_ep_names(const struct usiw_ep *ep, struct sockaddr_storage *local,
		   struct sockaddr_storage *remote)
{
	struct sockaddr_in *in = (struct sockaddr_in *)local;

	call(ep, ANY);
	memset(local, 0, sizeof(*local));
	in->sin_family = AF_INET;
	in->sin_port = htons(4712);
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*remote = *local;
}

/* --- what the input can have happen ------------------------------------ */

static void request(struct usiw_ep *l, struct fuzz_in *in)
{
	struct usiw_ep *ep = ep_new(NULL);
	struct usiw_cm_event e = { .ev = USIW_CM_REQUEST, .ep = ep };
	u8 pdata[PD_MAX];

	ep->state = EP_REQUEST;
	e.pdata_len = fuzz_u16(in) % (PD_MAX + 1);
	memset(pdata, 0x5a, sizeof(pdata));
	e.pdata = e.pdata_len ? pdata : NULL;
	e.ird = e.pdata_len;
	e.ord = e.pdata_len / 2;
	usiw_up_cm(l->owner, &e);
	if (is_ep(ep))
		MUST(ep->owner);
}

void back_event(struct fuzz_in *in)
{
	static const int status[] = { 0, 0, -ECONNREFUSED, -ETIMEDOUT,
				      -ECONNRESET, -EPROTO, -ENETUNREACH };
	u8 which = fuzz_u8(in), what = fuzz_u8(in);
	int st = status[what % 7];
	struct usiw_ep *ep = eps;

	while (ep && which--)
		ep = ep->next;
	if (!ep)
		return;
	switch (ep->state) {
	case EP_LISTEN:
		request(ep, in);
		break;
	case EP_CONNECT:
		if (what & 0x80)
			up(ep, USIW_CM_CLOSE, st, EP_DEAD);
		else
			up(ep, USIW_CM_REPLY, st, st ? EP_DEAD : EP_UP);
		break;
	case EP_ACCEPT:
		if (what & 0x80)
			up(ep, USIW_CM_CLOSE, st, EP_DEAD);
		else
			up(ep, USIW_CM_ESTABLISHED, st, st ? EP_DEAD : EP_UP);
		break;
	case EP_UP:
		if (what & 0x80)
			up(ep, USIW_CM_DISCONNECT, 0, EP_UP);
		else
			up(ep, USIW_CM_CLOSE, 0, EP_DEAD);
		break;
	case EP_REQUEST:
		up(ep, USIW_CM_CLOSE, 0, EP_DEAD);
		break;
	default:
		break;
	}
}

void back_empty(void)
{
	MUST(!eps && !qps && !others && !locked);
	last_num = 0;
}
