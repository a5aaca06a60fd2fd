// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What iw_cm is told. It only queues the events, so they may be told with
 * cep->lock held; and it insists on their order, which is that of
 * core/cmsm.c: one CONNECT_REPLY, or one ESTABLISHED even for what never was;
 * then, unless that was a failure, DISCONNECT and CLOSE.
 */
#include <linux/slab.h>

#include "cm.h"

static u8 rd_for_ulp(u16 value)
{
	return value == SIW_MPA_RD_NONE ? SIW_DEF_RDQ :
					  min_t(u16, value, SIW_MAX_RDQ);
}

static void start_event(struct siw_cep *cep, struct iw_cm_event *ev,
			enum iw_cm_event_type type, int status)
{
	memset(ev, 0, sizeof(*ev));
	ev->event = type;
	ev->status = status;
	if (cep->id) {
		ev->local_addr = cep->id->local_addr;
		ev->remote_addr = cep->id->remote_addr;
	}
}

static void set_pd(struct iw_cm_event *ev, u16 len, const u8 *pd)
{
	ev->private_data_len = len;
	ev->private_data = len ? (void *)pd : NULL;
}

/**
 * siw_cep_refuse() - the ULP will not answer a request: we do
 * @cep: passive, request complete
 *
 * Not with RST, which would make the peer try again with revision 1 (D-04).
 *
 * Context: process, sleeps. cep->lock.
 * RFC 5044 §7.1.2 (6)
 */
void siw_cep_refuse(struct siw_cep *cep)
{
	siw_count(cep->sdev, SIW_CNT_REJECTS);
	siw_mpa_reject(&cep->ours, &cep->local, &cep->peer);
	siw_cep_step(cep, SIW_CM_EV_ULP_REJECT);
}

static int request_event(struct siw_cep *cep, struct iw_cm_event *ev)
{
	start_event(cep, ev, IW_CM_EVENT_CONNECT_REQUEST, 0);
	set_pd(ev, cep->peer.pd_len, cep->peer.pd);
	ev->ird = SIW_DEF_RDQ;
	ev->ord = SIW_DEF_RDQ;
	if (cep->peer.enhanced) {
		ev->ird = rd_for_ulp(cep->peer.ird);
		ev->ord = rd_for_ulp(cep->peer.ord);
	}
	return siw_sock_names(cep->sock, &ev->local_addr, &ev->remote_addr);
}

/*
 * iw_cm has room for as many requests as the listener's backlog says. One that
 * comes at a bad moment waits for a better one.
 */
static bool try_later(struct siw_cep *cep, int rv)
{
	unsigned long last = cep->born + SIW_CM_REQUEST_S * HZ;

	cep->unheard = rv == -ENOMEM && time_before(jiffies, last);
	if (cep->unheard)
		siw_cep_arm_ms(cep, SIW_CM_AGAIN_MS);
	return cep->unheard;
}

static void up_request(struct siw_cep *cep)
{
	struct iw_cm_event ev;
	int rv;

	rv = request_event(cep, &ev);
	if (!rv && !cep->handle)
		rv = siw_cep_publish(cep);
	if (!rv) {
		ev.provider_data = (void *)(uintptr_t)cep->handle;
		rv = siw_listener_upcall(cep->listener, &ev);
		if (try_later(cep, rv))
			return;
		if (rv && !siw_cep_reclaim(cep))
			return;
	}
	siw_port_forget(cep);
	if (rv)
		siw_cep_refuse(cep);
}

/**
 * siw_cep_ask_again() - iw_cm had no room for a request
 * @cep: cep->unheard
 * @give_up: or rather do not ask
 *
 * Context: process, sleeps. cep->lock.
 */
void siw_cep_ask_again(struct siw_cep *cep, bool give_up)
{
	cep->unheard = false;
	if (cep->phase == SIW_CM_REQ_UPCALLED && !give_up)
		up_request(cep);
	else if (siw_cep_reclaim(cep))
		siw_cep_refuse(cep);
}

/**
 * siw_cep_release_ulp() - let go of QP and iw_cm_id
 * @cep: the ULP has been told the end, or its call is going to fail
 *
 * It may do with its QP what it likes, while the socket ends quietly.
 *
 * Context: process, sleeps. cep->lock.
 */
void siw_cep_release_ulp(struct siw_cep *cep)
{
	if (cep->sock && cep->rx == SIW_CEP_RX_QP)
		siw_cep_set_rx(cep, SIW_CEP_RX_DROP);
	if (cep->qp)
		siw_cep_detach_qp(cep);
	if (cep->id)
		cep->id->rem_ref(cep->id);
	cep->id = NULL;
}

static void reply_event(struct siw_cep *cep, struct iw_cm_event *ev, int status)
{
	start_event(cep, ev, IW_CM_EVENT_CONNECT_REPLY, status);
	if (!status) {
		siw_sock_names(cep->sock, &ev->local_addr, &ev->remote_addr);
		ev->ird = cep->res.ord;	/* what the ULP may have outstanding */
		ev->ord = cep->res.ird;
	}
	if (!status || status == -ECONNREFUSED)
		set_pd(ev, cep->res.pd_len, cep->res.pd);
}

/*
 * Private data is copied, which may fail; without, an event cannot get lost.
 * It must not: nobody could ever destroy the iw_cm_id.
 */
static void up_reply(struct siw_cep *cep, int status)
{
	struct iw_cm_event ev;
	bool lost = false;

	reply_event(cep, &ev, status);
	if (cep->id)
		lost = cep->id->event_handler(cep->id, &ev);
	if (lost) {
		start_event(cep, &ev, IW_CM_EVENT_CONNECT_REPLY,
			    status ? status : -ENOMEM);
		cep->id->event_handler(cep->id, &ev);
	}
	siw_count(cep->sdev, status ? SIW_CNT_CONNECT_FAILS : SIW_CNT_CONNECTS);
	if (status)
		siw_cep_release_ulp(cep);
	else if (lost)
		siw_cep_step(cep, SIW_CM_EV_DESTROY);
}

static void up_est(struct siw_cep *cep)
{
	struct iw_cm_event ev;

	start_event(cep, &ev, IW_CM_EVENT_ESTABLISHED, 0);
	ev.ird = cep->res.ord;
	ev.ord = cep->res.ird;
	if (cep->id)
		cep->id->event_handler(cep->id, &ev);
	siw_count(cep->sdev, SIW_CNT_CONNECTS);
}

static void up_plain(struct siw_cep *cep, enum iw_cm_event_type type)
{
	struct iw_cm_event ev;

	start_event(cep, &ev, type, 0);
	if (cep->id)
		cep->id->event_handler(cep->id, &ev);
}

/* The last event: iw_cm_id and we have nothing to do with each other any more. */
static void up_close(struct siw_cep *cep)
{
	up_plain(cep, IW_CM_EVENT_CLOSE);
	siw_count(cep->sdev, cep->reset || cep->rst_seen ? SIW_CNT_ABORTS :
							   SIW_CNT_CLOSES);
	siw_cep_release_ulp(cep);
}

/**
 * siw_cep_upcall() - carry out an action that is an upcall
 * @cep: CEP
 * @act: SIW_CM_UP_*, one of them
 *
 * Context: process, sleeps. cep->lock.
 */
void siw_cep_upcall(struct siw_cep *cep, u32 act)
{
	switch (act) {
	case SIW_CM_UP_REQUEST:
		up_request(cep);
		break;
	case SIW_CM_UP_OK:
		up_reply(cep, 0);
		break;
	case SIW_CM_UP_REFUSED:
		up_reply(cep, -ECONNREFUSED);
		break;
	case SIW_CM_UP_RESET:
		up_reply(cep, -ECONNRESET);
		break;
	case SIW_CM_UP_TIMEOUT:
		up_reply(cep, -ETIMEDOUT);
		break;
	case SIW_CM_UP_PROTO:
		up_reply(cep, -EPROTO);
		break;
	case SIW_CM_UP_UNREACH:
		up_reply(cep, cep->err ? cep->err : -ECONNRESET);
		break;
	case SIW_CM_UP_EST:
		up_est(cep);
		break;
	case SIW_CM_UP_DISC:
		up_plain(cep, IW_CM_EVENT_DISCONNECT);
		break;
	case SIW_CM_UP_CLOSE:
		up_close(cep);
		break;
	}
}
