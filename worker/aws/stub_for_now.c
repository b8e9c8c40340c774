/* Placeholder of the lead until chain.c lands: environment only. CHAIN: delete this file and replace CMakeLists.txt. */
#include "worker/aws/chain.h"
#include <stdlib.h>
#include "common/check.h"
struct aws_chain { struct aws_result result; struct arena arena; struct aws_setting set; };
struct aws_chain *aws_chain_open(const struct aws_setting *s) { struct aws_chain *c = mem_zalloc(sizeof *c); c->set = *s; return c; }
void aws_chain_close(struct aws_chain *c) { if (c) arena_close(&c->arena); free(c); }
const struct aws_result *aws_chain_result(const struct aws_chain *c) { return c ? &c->result : NULL; }
enum aws_want aws_chain_start(struct aws_chain *c, int64_t *skew_ms, int64_t now_ms, int64_t wall_ms)
{
    (void)skew_ms; (void)now_ms; (void)wall_ms;
    const char *id = getenv("AWS_ACCESS_KEY_ID"), *s = getenv("AWS_SECRET_ACCESS_KEY"), *u = getenv("AWS_ENDPOINT_URL"), *t = getenv("AWS_SESSION_TOKEN");
    if (!id || !s) { error_set(&c->result.error, ERR_CREDENTIALS, "no AWS credentials"); return AWS_FAILED; }
    c->result.keys = (struct sigv4_keys){bytes_of(id), bytes_of(s), bytes_of(t)};
    c->result.expires_ms = INT64_MAX;
    c->result.endpoints = value_object(&c->arena, 1);
    if (c->set.endpoint) u = c->set.endpoint;
    if (u) value_put(&c->result.endpoints, BYTES(""), value_string(bytes_of(u)));
    return AWS_DONE;
}
#define LATER(...) { CHECK(!"later"); return AWS_FAILED; }
enum aws_want aws_chain_file(struct aws_chain *c, struct bytes t, const struct error *w, int64_t n, int64_t m) { (void)c,(void)t,(void)w,(void)n,(void)m; LATER() }
enum aws_want aws_chain_answered(struct aws_chain *c, const struct answer *a, int64_t n, int64_t m) { (void)c,(void)a,(void)n,(void)m; LATER() }
enum aws_want aws_chain_broke(struct aws_chain *c, const struct error *w, int64_t n, int64_t m) { (void)c,(void)w,(void)n,(void)m; LATER() }
enum aws_want aws_chain_output(struct aws_chain *c, struct bytes o, const struct error *w, int64_t n, int64_t m) { (void)c,(void)o,(void)w,(void)n,(void)m; LATER() }
enum aws_want aws_chain_due(struct aws_chain *c, int64_t n, int64_t m) { (void)c,(void)n,(void)m; LATER() }
struct bytes aws_endpoint(const struct value *e, const char *id)
{ const struct value *u = value_get(e, bytes_of(id)); if (!u) u = value_get(e, BYTES("")); return u ? u->text : (struct bytes){"", 0}; }
