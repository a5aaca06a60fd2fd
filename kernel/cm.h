/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Connection end points (CEPs) and listeners, private to the cm*.c files.
 *
 *   cm.c		calls of iw_cm, lifetime of CEPs, device removal
 *   cm_work.c		events -> core/cmsm.c -> actions; the MPA exchange
 *   cm_up.c		events for iw_cm
 *   cm_sock.c		the TCP socket of a CEP: set-up, callbacks, frames, end
 *   cm_listen.c	listening sockets, and which device gets a connection
 *
 * A CEP is one TCP connection. Its own work item does everything but the calls
 * of iw_cm themselves; both hold cep->lock. Socket callbacks and the data path
 * only set a bit and queue that work (siw_cep_notify()), so nothing is lost,
 * nothing is allocated, and one peer never delays another: no step waits for
 * the network.
 *
 * iw_cm knows a passive CEP by a number, not by its address: requests that iw_cm
 * drops, when their listener goes away, are never answered, and such a CEP must
 * be able to die without it.
 *
 * Lock order, outermost first
 *   ports_lock > port->lock > cep->lock > socket lock > sk_callback_lock
 *   spinlocks (port->kids_lock, listener->lock, sdev->ceps_lock) innermost
 */
#ifndef SIW_KERNEL_CM_H
#define SIW_KERNEL_CM_H

#include <linux/seq_file.h>

#include "siw.h"
#include "../core/cmsm.h"

#define SIW_CM_PD_ROOM		255	/* what struct iw_cm_event can say */

/* Patience, in seconds */
#define SIW_CM_CONNECT_S	60	/* TCP handshake */
#define SIW_CM_REQUEST_S	30	/* TCP accept to complete Request */
#define SIW_CM_REPLY_S		60	/* Request sent to complete Reply */
#define SIW_CM_ACTIVE_S		110	/* all attempts of an initiator */
#define SIW_CM_RTR_S		30	/* Reply sent to first FPDU */
#define SIW_CM_LINGER_S		5	/* our FIN to the peer's */
#define SIW_CM_ORPHAN_S		120	/* request whose listener has gone */
#define SIW_CM_CROWD_MS		1000	/* half-open set-ups, when crowded */
#define SIW_CM_AGAIN_MS		20	/* request that iw_cm had no room for */

/* Edges of our own, beyond enum siw_cep_ev. */
enum {
	SIW_CE_LOST = SIW_CE_GOING + 1,	/* sending failed */
	SIW_CE_ORPHAN,			/* the listener has gone */
	SIW_CE_CROWDED,			/* too many half-open set-ups */
	SIW_CE_GONE,			/* the device's clients have gone */
};

/* Who gets the octets that arrive. */
enum siw_cep_rx {
	SIW_CEP_RX_MPA,		/* the CM's work */
	SIW_CEP_RX_QP,		/* the data path, in the callback */
	SIW_CEP_RX_DROP,	/* nobody */
};

struct siw_port;

/* A listening iw_cm_id of one device. */
struct siw_listener {
	struct kref ref;
	struct siw_device *sdev;
	struct siw_port *port;		/* referenced */
	struct list_head entry;		/* port->listeners, port->lock */
	u32 handle;			/* what iw_cm calls it */
	spinlock_t lock;		/* id */
	struct iw_cm_id *id;		/* referenced; NULL: destroyed */
};

struct siw_cep {
	struct kref ref;
	struct mutex lock;		/* all below, unless said otherwise */
	struct siw_device *sdev;
	struct list_head dev_entry;	/* sdev->ceps, sdev->ceps_lock */
	u64 no;				/* of the device's, from 1 */
	enum siw_cm_phase phase;

	unsigned long events;		/* atomic bits, SIW_CE_* */
	struct work_struct work;	/* referenced while queued */
	struct delayed_work timer;	/* referenced while pending */
	unsigned long deadline;		/* jiffies */
	bool timed;
	bool knocking;		/* the timer is for knock(), no other's */

	/* the socket; pointers for callbacks change under the socket lock */
	struct socket *sock;
	struct siw_qp *qp;		/* siw_qp_prepare() was called */
	enum siw_cep_rx rx;
	void (*data_ready)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	void (*error_report)(struct sock *sk);
	int err;			/* why TCP failed, -errno */
	bool fin_seen;
	bool rst_seen;
	bool reset;			/* end with RST, not with FIN */
	bool shut;			/* our FIN is out */
	bool lingers;			/* the QP waits for the peer's FIN */
	bool lent;			/* TCP had memory when the QP left */
	u64 bytes;			/* received when the timer started */
	u8 knocks;			/* at a silent responder, see knock() */

	/* iw_cm */
	struct iw_cm_id *id;		/* referenced */
	struct siw_listener *listener;	/* passive: referenced */
	u32 handle;			/* passive: what iw_cm calls it */
	bool orphan;
	bool unheard;			/* iw_cm had no room for the request */

	unsigned long born;		/* jiffies */

	/* passive, until iw_cm has the request: port->kids_lock */
	struct siw_port *port;		/* referenced */
	struct list_head kid_entry;

	/* MPA */
	bool passive;
	bool retried;			/* second attempt, revision 1 */
	bool p2p_reply;
	struct siw_policy policy;
	struct siw_mpa_local local;
	struct siw_mpa_frame ours;	/* frame to send */
	struct siw_mpa_frame peer;	/* frame received, points into frame */
	struct siw_mpa_result res;
	u32 frame_len;			/* octets received */
	u8 frame[SIW_MPA_FRAME_MAX];
	u8 pd[SIW_MPA_PD_MAX];		/* of our Request */
};

/* cm.c */
struct siw_cep *siw_cep_new(struct siw_device *sdev);
struct siw_cep *siw_cep_find(struct siw_device *sdev, u64 no);
void siw_cep_post(struct siw_cep *cep, unsigned int bit);
void siw_cep_arm_ms(struct siw_cep *cep, unsigned int ms);
void siw_cep_arm(struct siw_cep *cep, unsigned int seconds);
void siw_cep_disarm(struct siw_cep *cep);
int siw_cep_publish(struct siw_cep *cep);
struct siw_cep *siw_cep_claim(u32 handle);
bool siw_cep_reclaim(struct siw_cep *cep);
void siw_cep_end(struct siw_cep *cep);

/* cm_work.c: under cep->lock */
int siw_cep_step(struct siw_cep *cep, enum siw_cm_ev ev);
void siw_cep_work(struct work_struct *work);

/* cm_up.c: under cep->lock */
void siw_cep_upcall(struct siw_cep *cep, u32 act);
void siw_cep_refuse(struct siw_cep *cep);
void siw_cep_ask_again(struct siw_cep *cep, bool give_up);
void siw_cep_release_ulp(struct siw_cep *cep);

/* cm_sock.c */
int siw_sock_new(struct siw_device *sdev, int family, struct socket **sock);
int siw_sock_bind(struct socket *sock, const struct iw_cm_id *id,
		  const struct sockaddr_storage *addr, bool any_port);
void siw_sock_tos(struct socket *sock, const struct iw_cm_id *id);
void siw_sock_tune(struct socket *sock, const struct siw_policy *p);
void siw_sock_scope(struct sockaddr_storage *addr,
		    const struct net_device *netdev);
void siw_sock_reset(struct socket *sock);
int siw_sock_names(struct socket *sock, struct sockaddr_storage *local,
		   struct sockaddr_storage *remote);
int siw_cep_connect(struct siw_cep *cep);
void siw_cep_attach(struct siw_cep *cep, struct socket *sock);
void siw_cep_set_rx(struct siw_cep *cep, enum siw_cep_rx rx);
void siw_cep_detach_qp(struct siw_cep *cep);
void siw_cep_close(struct siw_cep *cep, bool keep_qp);
int siw_cep_send(struct siw_cep *cep, const struct siw_mpa_frame *f);
int siw_cep_send_term(struct siw_cep *cep);
int siw_cep_recv(struct siw_cep *cep);
u32 siw_cep_tail(struct siw_cep *cep);

/* cm_listen.c */
int siw_listener_upcall(struct siw_listener *l, struct iw_cm_event *ev);
void siw_listener_put(struct siw_listener *l);
void siw_port_forget(struct siw_cep *cep);
void siw_listen_device_gone(struct siw_device *sdev);
void siw_listen_exit(void);
void siw_listen_show(struct seq_file *m, struct siw_device *sdev);

#endif
