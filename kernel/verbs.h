/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The entry points of the verbs, as device.c's table lists them. */
#ifndef SIW_KERNEL_VERBS_H
#define SIW_KERNEL_VERBS_H

#include "siw.h"
#include "../compat/compat.h"

/* verbs_misc.c */
int siw_query_device(struct ib_device *base, struct ib_device_attr *attr,
		     struct ib_udata *udata);
int siw_query_port(struct ib_device *base, u32 port, struct ib_port_attr *attr);
int siw_get_port_immutable(struct ib_device *base, u32 port,
			   struct ib_port_immutable *imm);
int siw_query_gid(struct ib_device *base, u32 port, int index,
		  union ib_gid *gid);
int siw_query_pkey(struct ib_device *base, u32 port, u16 index, u16 *pkey);
void siw_get_dev_fw_str(struct ib_device *base, char *str);
int siw_alloc_ucontext(struct ib_ucontext *base, struct ib_udata *udata);
void siw_dealloc_ucontext(struct ib_ucontext *base);
void siw_disassociate_ucontext(struct ib_ucontext *base);
int siw_alloc_pd(struct ib_pd *base, struct ib_udata *udata);
int siw_dealloc_pd(struct ib_pd *base, struct ib_udata *udata);
int siw_user_mmap(struct ib_ucontext *base, struct vm_area_struct *vma);
void siw_user_mmap_free(struct rdma_user_mmap_entry *entry);
struct siw_mmap *siw_mmap_new(struct ib_ucontext *ctx, size_t size, u64 *key);
void siw_mmap_del(struct siw_mmap *mmap);

/* verbs_cq.c */
int siw_create_cq(struct ib_cq *base, const struct ib_cq_init_attr *attr,
		  struct siw_cq_arg *arg);
int siw_destroy_cq(struct ib_cq *base, struct ib_udata *udata);
int siw_poll_cq(struct ib_cq *base, int num, struct ib_wc *wc);
int siw_req_notify_cq(struct ib_cq *base, enum ib_cq_notify_flags flags);
int siw_create_srq(struct ib_srq *base, struct ib_srq_init_attr *attr,
		   struct ib_udata *udata);
int siw_modify_srq(struct ib_srq *base, struct ib_srq_attr *attr,
		   enum ib_srq_attr_mask mask, struct ib_udata *udata);
int siw_query_srq(struct ib_srq *base, struct ib_srq_attr *attr);
int siw_destroy_srq(struct ib_srq *base, struct ib_udata *udata);
int siw_post_srq_recv(struct ib_srq *base, const struct ib_recv_wr *wr,
		      const struct ib_recv_wr **bad);

/* verbs_mr.c */
struct ib_mr *siw_get_dma_mr(struct ib_pd *pd, int access);
struct ib_mr *siw_reg_user_mr(struct ib_pd *pd, u64 start, u64 len, u64 iova,
			      int access,
#ifdef SIW_HAVE_MR_DMAH		/* COMPAT_INLINE */
			      struct ib_dmah *dmah,
#endif
			      struct ib_udata *udata);
struct ib_mr *siw_alloc_mr(struct ib_pd *pd, enum ib_mr_type type, u32 max_sg);
int siw_map_mr_sg(struct ib_mr *base, struct scatterlist *sg, int nents,
		  unsigned int *offset);
int siw_dereg_mr(struct ib_mr *base, struct ib_udata *udata);

/* verbs_qp.c */
int siw_create_qp(struct ib_qp *base, struct ib_qp_init_attr *attr,
		  struct ib_udata *udata);
int siw_modify_qp(struct ib_qp *base, struct ib_qp_attr *attr, int mask,
		  struct ib_udata *udata);
int siw_query_qp(struct ib_qp *base, struct ib_qp_attr *attr, int mask,
		 struct ib_qp_init_attr *init);
int siw_destroy_qp(struct ib_qp *base, struct ib_udata *udata);
int siw_post_send(struct ib_qp *base, const struct ib_send_wr *wr,
		  const struct ib_send_wr **bad);
int siw_post_recv(struct ib_qp *base, const struct ib_recv_wr *wr,
		  const struct ib_recv_wr **bad);
bool siw_rqe_fill(struct siw_rqe *ring, u32 num, u32 *put,
		  const struct ib_recv_wr *wr);

/* stats.c */
const char *siw_counter_name(enum siw_counter c);
u64 siw_counted(struct siw_device *sdev, enum siw_counter c);
struct rdma_hw_stats *siw_alloc_hw_stats(struct ib_device *base, u32 port);
int siw_get_hw_stats(struct ib_device *base, struct rdma_hw_stats *stats,
		     u32 port, int index);

/* res.c */
int siw_fill_res_qp(struct sk_buff *msg, struct ib_qp *base);
int siw_fill_res_cq(struct sk_buff *msg, struct ib_cq *base);
int siw_fill_res_mr(struct sk_buff *msg, struct ib_mr *base);

#endif
