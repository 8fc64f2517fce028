/*
 * A plain RFC 8071 device: libnetconf2 dials the bridge by itself, and dials again when its session ends. It is made of version 2.0 or 3,
 * which Debian 12 and 13 have, with libyang 2 or 3.
 *
 *   libnetconf2-device -h HOST -p PORT -k HOSTKEY -u USER [-w PASSWORD] [-a KEY.pub] -m MODULES-DIR...
 *
 * It is a small NETCONF server with a candidate, locks and kill-session, and with get-data and edit-data of RFC 8526 on the same two
 * datastores, which libyang checks against their module. Filters are ignored, edits are merged; what else an edit may ask for is refused. One line of standard output for each event: "calling", "session ID", "ended ID".
 */
#include <libyang/libyang.h>
#include <libyang/version.h>
#include <nc_server.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if __has_include(<nc_version.h>)
#include <nc_version.h> /* counts versions of the ABI: 4 is libnetconf2 3; 2.0 does not have the file */
#endif

#define CLIENT "bridge"
#define ENDPOINT "only"

enum { RUNNING, CANDIDATE };

static struct ly_ctx *ctx;
static struct nc_pollsession *ps;
static struct lyd_node *data[2];      /* by datastore */
static uint32_t lock_owner[2];        /* session-id, 0 is nobody */
static const char *host_key, *password;

static struct nc_server_reply *refuse(NC_ERR tag, const char *message)
{
    struct lyd_node *err = tag == NC_ERR_LOCK_DENIED ? nc_err(ctx, tag, lock_owner[CANDIDATE] ? lock_owner[CANDIDATE] : lock_owner[RUNNING])
                                                     : nc_err(ctx, tag, NC_ERR_TYPE_APP);
    nc_err_set_msg(err, message, "en");
    return nc_server_reply_err(err);
}

static int names_candidate(const struct lyd_node *rpc, const char *parameter)
{
    char path[64];
    struct lyd_node *node = NULL;
    snprintf(path, sizeof path, "%s/candidate", parameter);
    return lyd_find_path(rpc, path, 0, &node) == LY_SUCCESS;
}

static int is_candidate(const struct lyd_node *rpc)
{
    struct lyd_node *node = NULL;
    return lyd_find_path(rpc, "datastore", 0, &node) == LY_SUCCESS && !strcmp(lyd_get_value(node), "ietf-datastores:candidate");
}

static void become(int store, const struct lyd_node *source)
{
    lyd_free_all(data[store]);
    data[store] = NULL;
    if (source)
        lyd_dup_siblings(source, NULL, LYD_DUP_RECURSIVE, &data[store]);
}

/* The whole store, whatever a filter says: enough for the tests. */
static struct nc_server_reply *read_data(struct lyd_node *rpc, int store)
{
    struct lyd_node *reply, *copy = NULL;
    if (data[store])
        lyd_dup_siblings(data[store], NULL, LYD_DUP_RECURSIVE, &copy);
    lyd_dup_single(rpc, NULL, 0, &reply);
#if LY_VERSION_MAJOR >= 3
    lyd_new_any(reply, NULL, "data", copy, LYD_ANYDATA_DATATREE, LYD_NEW_ANY_USE_VALUE | LYD_NEW_VAL_OUTPUT, NULL);
#else
    lyd_new_any(reply, NULL, "data", copy, 1, LYD_ANYDATA_DATATREE, 1, NULL);
#endif
    return nc_server_reply_data(reply, NC_WD_UNKNOWN, NC_PARAMTYPE_FREE);
}

static struct nc_server_reply *edit(struct lyd_node *rpc, int store, uint32_t sid)
{
    struct lyd_node *config, *edits = NULL;
    char *xml = NULL;
    if (lock_owner[store] && lock_owner[store] != sid)
        return refuse(NC_ERR_IN_USE, "locked by another session");
    if (lyd_find_path(rpc, "config", 0, &config))
        return refuse(NC_ERR_MISSING_ELEM, "no config");
    lyd_any_value_str(config, &xml);
    if (xml && strstr(xml, ":operation="))
        edits = NULL;
    else if (xml)
        lyd_parse_data_mem(ctx, xml, LYD_XML, LYD_PARSE_ONLY | LYD_PARSE_STRICT, 0, &edits);
    free(xml);
    if (!edits)
        return refuse(NC_ERR_OP_FAILED, "not a configuration that can be merged");
    lyd_merge_siblings(&data[store], edits, LYD_MERGE_DESTRUCT);
    return nc_server_reply_ok();
}

static struct nc_server_reply *kill_session(struct lyd_node *rpc, uint32_t sid)
{
    struct lyd_node *node = NULL;
    struct nc_session *victim;
    uint32_t id = lyd_find_path(rpc, "session-id", 0, &node) ? 0 : (uint32_t)strtoul(lyd_get_value(node), NULL, 10);
    for (uint16_t i = 0; id && id != sid && (victim = nc_ps_get_session(ps, i)); i++) {
        if (nc_session_get_id(victim) != id)
            continue;
        nc_session_set_term_reason(victim, NC_SESSION_TERM_KILLED);
        nc_session_set_killed_by(victim, sid);
        nc_session_set_status(victim, NC_STATUS_INVALID); /* the main loop's next poll reports it and frees it */
        return nc_server_reply_ok();
    }
    return refuse(NC_ERR_INVALID_VALUE, "no other session with that id");
}

static struct nc_server_reply *on_rpc(struct lyd_node *rpc, struct nc_session *session)
{
    const char *name = LYD_NAME(rpc);
    uint32_t sid = nc_session_get_id(session);
    int target = names_candidate(rpc, "target") ? CANDIDATE : RUNNING;

    if (!strcmp(name, "get"))
        return read_data(rpc, RUNNING);
    if (!strcmp(name, "get-config"))
        return read_data(rpc, names_candidate(rpc, "source") ? CANDIDATE : RUNNING);
    if (!strcmp(name, "get-data"))
        return read_data(rpc, is_candidate(rpc) ? CANDIDATE : RUNNING);
    if (!strcmp(name, "edit-data"))
        return edit(rpc, is_candidate(rpc) ? CANDIDATE : RUNNING, sid);
    if (!strcmp(name, "edit-config"))
        return edit(rpc, target, sid);
    if (!strcmp(name, "commit") || !strcmp(name, "discard-changes")) {
        int commit = !strcmp(name, "commit");
        become(commit ? RUNNING : CANDIDATE, data[commit ? CANDIDATE : RUNNING]);
        return nc_server_reply_ok();
    }
    if (!strcmp(name, "lock")) {
        if (lock_owner[target])
            return refuse(NC_ERR_LOCK_DENIED, "already locked");
        lock_owner[target] = sid;
        return nc_server_reply_ok();
    }
    if (!strcmp(name, "unlock")) {
        if (lock_owner[target] != sid)
            return refuse(NC_ERR_OP_FAILED, "not locked by this session");
        lock_owner[target] = 0;
        return nc_server_reply_ok();
    }
    if (!strcmp(name, "kill-session"))
        return kill_session(rpc, sid);
#if NC_VERSION_MAJOR >= 4
    if (!strcmp(name, "close-session")) /* 2.0 answers it by itself */
        return nc_clb_default_close_session(rpc, session);
#endif
    return refuse(NC_ERR_OP_NOT_SUPPORTED, "not supported by this device");
}

static int on_session(const char *client, struct nc_session *session)
{
    (void)client;
    printf("session %u\n", nc_session_get_id(session));
    return nc_ps_add_session(ps, session);
}

/* Has the library call home from now on; 0 is success. */
#if NC_VERSION_MAJOR >= 4

static const struct ly_ctx *acquire_ctx(void *data)
{
    (void)data;
    return ctx;
}

static void release_ctx(void *data)
{
    (void)data;
}

static int on_new_session(const char *client, struct nc_session *session, void *data)
{
    (void)data;
    return on_session(client, session);
}

static int call_home(const char *host, int port, const char *user, const char *authorized_key)
{
    const char *users_of_its_own[] = {"local-users-supported", NULL};
    const char *const *dir;
    struct ly_ctx *own = NULL; /* the library's configuration has modules that the device does not have */
    struct lyd_node *config = NULL;
    char port_text[8];
    int failed;

    if (nc_server_init() || nc_server_init_ctx(&own) || nc_server_config_load_modules(&own))
        return 1;
    /* But for one, in which the library looks up, in the context of each session, where users are known. */
    for (dir = ly_ctx_get_searchdirs(own); dir && *dir; dir++)
        ly_ctx_set_searchdir(ctx, *dir);
    if (!ly_ctx_load_module(ctx, "ietf-ssh-server", NULL, users_of_its_own))
        return 1;
    snprintf(port_text, sizeof port_text, "%d", port);
    failed = nc_server_config_add_ch_address_port(own, CLIENT, ENDPOINT, NC_TI_SSH, host, port_text, &config) ||
            nc_server_config_add_ch_persistent(own, CLIENT, &config) ||
            nc_server_config_add_ch_ssh_hostkey(own, CLIENT, ENDPOINT, "host-key", host_key, NULL, &config) ||
            (password && nc_server_config_add_ch_ssh_user_password(own, CLIENT, ENDPOINT, user, password, &config)) ||
            (authorized_key &&
                    nc_server_config_add_ch_ssh_user_pubkey(own, CLIENT, ENDPOINT, user, "key", authorized_key, &config)) ||
            nc_server_config_setup_data(config);
    lyd_free_all(config);
    return failed || nc_connect_ch_client_dispatch(CLIENT, acquire_ctx, release_ctx, NULL, on_new_session, NULL);
}

#else

static int on_password(const struct nc_session *session, const char *given, void *user)
{
    return !password || strcmp(nc_session_get_username(session), user) || strcmp(given, password);
}

static int on_host_key(const char *name, void *user, char **path, char **key, NC_SSH_KEY_TYPE *type)
{
    (void)name, (void)user, (void)key, (void)type;
    *path = strdup(host_key);
    return 0;
}

static int call_home(const char *host, int port, const char *user, const char *authorized_key)
{
    nc_server_init(ctx);
    nc_server_ssh_set_hostkey_clb(on_host_key, NULL, NULL);
    nc_server_ssh_set_passwd_auth_clb(on_password, (void *)user, NULL);
    if (authorized_key && nc_server_ssh_add_authkey_path(authorized_key, user))
        return 1;
    nc_server_ch_add_client(CLIENT);
    nc_server_ch_client_add_endpt(CLIENT, ENDPOINT, NC_TI_LIBSSH);
    nc_server_ch_client_endpt_set_address(CLIENT, ENDPOINT, host);
    nc_server_ch_client_endpt_set_port(CLIENT, ENDPOINT, (uint16_t)port);
    nc_server_ssh_ch_client_endpt_add_hostkey(CLIENT, ENDPOINT, "host-key", -1);
    nc_server_ssh_ch_client_endpt_set_auth_methods(CLIENT, ENDPOINT,
            (password ? NC_SSH_AUTH_PASSWORD : 0) | (authorized_key ? NC_SSH_AUTH_PUBLICKEY : 0));
    nc_server_ch_client_set_conn_type(CLIENT, NC_CH_PERSIST);
    return nc_connect_ch_client_dispatch(CLIENT, on_session);
}

#endif

static void ended(struct nc_session *session)
{
    uint32_t sid = nc_session_get_id(session);
    for (int store = RUNNING; store <= CANDIDATE; store++)
        if (lock_owner[store] == sid)
            lock_owner[store] = 0;
    printf("ended %u\n", sid);
    nc_ps_del_session(ps, session);
    nc_session_free(session, NULL);
}

int main(int argc, char **argv)
{
    const char *features[] = {"writable-running", "candidate", NULL}, *nmda_features[] = {"origin", "with-defaults", NULL};
    const char *host = NULL, *user = NULL, *authorized_key = NULL;
    int option, port = 0, events;
    struct nc_session *session, *opened;

    setvbuf(stdout, NULL, _IOLBF, 0);
    ly_log_options(LY_LOSTORE_LAST); /* a lookup that finds nothing is no error */
    signal(SIGPIPE, SIG_IGN); /* a cut connection must not end the device */
    ly_ctx_new(NULL, 0, &ctx); /* with ietf-yang-library 1.1, which a server with NMDA has to have */
    while ((option = getopt(argc, argv, "h:p:k:u:w:a:m:")) != -1)
        switch (option) {
        case 'h': host = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 'k': host_key = optarg; break;
        case 'u': user = optarg; break;
        case 'w': password = optarg; break;
        case 'a': authorized_key = optarg; break;
        case 'm': ly_ctx_set_searchdir(ctx, optarg); break;
        default: return 2;
        }
    if (!host || !port || !host_key || !user || !ly_ctx_load_module(ctx, "ietf-netconf", NULL, features) ||
            !ly_ctx_load_module(ctx, "ietf-origin", NULL, NULL) ||
            !ly_ctx_load_module(ctx, "ietf-netconf-nmda", NULL, nmda_features) ||
            !ly_ctx_load_module(ctx, "homeport-test", NULL, NULL))
        return 2;
    lyd_new_path(NULL, ctx, "/homeport-test:box/name", "libnetconf2", 0, &data[RUNNING]);
    become(CANDIDATE, data[RUNNING]);

    ps = nc_ps_new();
    nc_set_global_rpc_clb(on_rpc);
    if (call_home(host, port, user, authorized_key))
        return 1;
    printf("calling\n");

    for (;;) {
        events = nc_ps_poll(ps, 100, &session);
        if (events & NC_PSPOLL_NOSESSIONS)
            usleep(10000);
        if (events & NC_PSPOLL_SSH_CHANNEL && nc_session_accept_ssh_channel(session, &opened) == NC_MSG_HELLO)
            on_session(CLIENT, opened);
        if (events & NC_PSPOLL_SESSION_TERM)
            ended(session);
    }
}
