"""State reports as OpenStack's Nova makes them, over oslo.messaging: both ends of the peer of `peers`.

    state_reports.py serve URL HOST       takes them; prints how many it has taken, whenever that has changed
    state_reports.py report URL THREADS   reads `call COUNT` or `cast COUNT` from stdin, prints `done MICROSECONDS`

Every ten seconds a Nova service has its conductor save its row with one more report: an RPC `object_action` with the
service's object in it, and with an answer (`call`). `cast` is the same without one. What the conductor then does in its
database is left out.
"""

import logging
import sys
import threading
import time

import oslo_messaging
from oslo_config import cfg

TOPIC = "conductor"
# As long as anybody waits for an answer.
PATIENCE = 60


def transport(url):
    # The process's own settings, as Nova has them: the library has put options there.
    cfg.CONF([], project="bench", default_config_files=[])
    return oslo_messaging.get_rpc_transport(cfg.CONF, url=url)


def context(index):
    """What Nova's RequestContext becomes on the wire."""
    return {
        "user_id": None, "project_id": None, "domain_id": None, "user_domain_id": None, "project_domain_id": None,
        "is_admin": True, "read_only": False, "show_deleted": False, "auth_token": None, "remote_address": None,
        "request_id": f"req-00000000-0000-4000-8000-{index:012d}", "global_request_id": None, "resource_uuid": None,
        "roles": [], "user_identity": "- - - - -", "is_admin_project": True, "read_deleted": "no",
        "timestamp": "2026-01-01T00:00:00.000000", "quota_class": None, "user_name": None, "project_name": None,
        "service_catalog": [], "instance_lock_checked": False, "user_auth_plugin": None,
    }


def service(index, reports):
    """What a Service object becomes on the wire."""
    data = {
        "id": index, "uuid": f"00000000-0000-4000-8000-{index:012d}", "host": f"compute-{index:05d}.example.net",
        "binary": "nova-compute", "topic": "compute", "report_count": reports, "disabled": False,
        "disabled_reason": None, "availability_zone": "nova", "last_seen_up": "2026-01-01T00:00:00Z",
        "forced_down": False, "version": 66, "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z", "deleted_at": None, "deleted": False,
    }
    return {
        "nova_object.name": "Service", "nova_object.namespace": "nova", "nova_object.version": "1.22",
        "nova_object.data": data, "nova_object.changes": ["report_count"],
    }


class Conductor:
    target = oslo_messaging.Target(version="3.0")

    def __init__(self):
        self.taken = 0
        self.lock = threading.Lock()

    def object_action(self, ctxt, objinst, objmethod, args, kwargs):
        count = objinst["nova_object.data"]["report_count"]
        with self.lock:
            self.taken += 1
        return [{"report_count": count, "last_seen_up": "2026-01-01T00:00:00Z"}, None]


def serve(url, host):
    conductor = Conductor()
    target = oslo_messaging.Target(topic=TOPIC, server=host)
    server = oslo_messaging.get_rpc_server(transport(url), target, [conductor], executor="threading")
    server.start()
    print("taken 0", flush=True)
    told = 0
    while True:
        time.sleep(0.005)
        taken = conductor.taken
        if taken != told:
            told = taken
            print(f"taken {told}", flush=True)


class Reporter:
    def __init__(self, url, threads):
        target = oslo_messaging.Target(topic=TOPIC, version="3.0")
        self.client = oslo_messaging.get_rpc_client(transport(url), target, timeout=PATIENCE)
        self.threads = threads
        self.reports = 0
        self.failure = None

    def some(self, method, first, count):
        try:
            for index in range(first, first + count):
                send = getattr(self.client, method)
                send(context(index), "object_action", objinst=service(index, self.reports), objmethod="save", args=[],
                     kwargs={})
        except Exception as failure:  # told by whoever waits for the thread
            self.failure = failure

    def all(self, method, count):
        self.reports += 1
        shares = [count // self.threads + (1 if number < count % self.threads else 0) for number in range(self.threads)]
        workers = [threading.Thread(target=self.some, args=(method, number * count, share))
                   for number, share in enumerate(shares)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if self.failure:
            raise self.failure


def report(url, threads):
    reporter = Reporter(url, threads)
    print("done 0", flush=True)
    for order in sys.stdin:
        method, count = order.split()
        start = time.monotonic()
        reporter.all(method, int(count))
        print(f"done {int((time.monotonic() - start) * 1e6)}", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    match sys.argv[1:]:
        case ["serve", url, host]:
            serve(url, host)
        case ["report", url, threads]:
            report(url, int(threads))
        case _:
            sys.exit(__doc__)
