#!/usr/bin/env python3
"""A node agent written from docs/protocol.md alone: a test of the document. Numbers in brackets are its chapters.

Needs pika (pip install pika). No multicast DNS: the broker and the check-in service are static seeds [2.2].
Prints one JSON object per line about what happens. SIGTERM and SIGINT end it with a good-bye.
"""
import argparse
import hashlib
import ipaddress
import json
import os
import random
import re
import signal
import struct
import time
import urllib.parse
import uuid

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker, NackError, UnroutableError

# Indicators this agent measures [7]: bit -> (limit, clearing limit, bad side, dwell in seconds).
MEASURED = {3: (4, 3, "above", 5), 4: (5, 8, "below", 2), 9: (90, 88, "above", 0)}


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


def derived_id(text):  # [6]
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def node_id(evidence):  # [6.1]
    names = ("product_uuid", "board_serial", "cpu", "machine_id", "mac")
    present = [f"{name}={evidence[name].strip().lower()}" for name in names if evidence[name] is not None]
    return derived_id("\n".join(["rollcall node v1", *present]))


def chacha_block(key, counter, nonce):  # RFC 8439, 2.3
    mask = 0xFFFFFFFF
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter]
    start += struct.unpack("<3I", nonce)
    state = list(start)

    def quarter(a, b, c, d):
        for one, two, three, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[one] = (state[one] + state[two]) & mask
            mixed = state[three] ^ state[one]
            state[three] = (mixed << turn | mixed >> 32 - turn) & mask

    columns = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
    diagonals = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
    for _ in range(10):
        for places in (*columns, *diagonals):
            quarter(*places)
    return struct.pack("<16I", *((one + two) & mask for one, two in zip(state, start)))


def poly1305(key, message):  # RFC 8439, 2.5
    factor = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at : at + 16] + b"\1", "little")) * factor % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def sealed(key, packet, digest):  # [5.6]
    """The packet, whose flag for a tag is set, with its tag."""
    nonce = packet[28:36] + bytes(4)
    bound = packet[12:28] + packet[5:8] + packet[9:12] + packet[1:2] + packet[28:36]
    text = bytes(one ^ two for one, two in zip(digest, chacha_block(key, 1, nonce)))
    padded = bound + bytes(-len(bound) % 16) + text + bytes(-len(text) % 16)
    lengths = struct.pack("<QQ", len(bound), len(text))
    return packet[:36] + text + poly1305(chacha_block(key, 0, nonce)[:32], padded + lengths)


def readings():
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = {line.split(":")[0]: int(line.split()[1]) for line in file}
    with open("/proc/loadavg", encoding="ascii") as file:
        runnable = int(file.read().split()[3].split("/")[0])
    disk = os.statvfs("/")
    used = 100 * (1 - disk.f_bavail / disk.f_blocks)
    return {3: runnable / os.cpu_count(), 4: 100 * memory["MemAvailable"] / memory["MemTotal"], 9: used}


class Health:
    """From readings to bits: hysteresis and dwell [7]."""

    def __init__(self, staged):
        self.staged, self.bits, self.pending = staged, 0, {}

    def measure(self, now):
        for bit, value in readings().items():
            limit, clear, side, dwell = MEASURED[bit]
            is_set = self.bits >> bit & 1
            if side == "above":
                asks = value <= clear if is_set else value > limit
            else:
                asks = value >= clear if is_set else value < limit
            if not asks:
                self.pending.pop(bit, None)
            elif now - self.pending.setdefault(bit, now) >= dwell:
                self.bits ^= 1 << bit
                del self.pending[bit]
        mask = 0xFFFFFF & ~(sum(1 << bit for bit in MEASURED) | self.staged)
        return self.bits | self.staged, mask


class Question:
    """Asked until it is answered, with growing pauses [8.2]."""

    def __init__(self, now):
        self.due, self.pause = now, 1.0

    def asked(self, now):
        self.due, self.pause = now + random.uniform(self.pause / 2, self.pause), min(self.pause * 2, 30.0)


class Agent:
    def __init__(self, arguments):
        self.place, self.address, self.name = arguments.place, arguments.address, arguments.name
        try:
            checkin = str(uuid.UUID(arguments.checkin))
        except ValueError:
            checkin = derived_id(f"rollcall check-in {arguments.checkin}")  # [6.4]
        evidence = dict.fromkeys(("product_uuid", "board_serial", "cpu", "machine_id", "mac"))
        evidence.update(source="firmware", product_uuid=arguments.uuid)
        self.identifier = {"node": node_id(evidence), "evidence": evidence}
        self.node, self.instance = self.identifier["node"], str(uuid.uuid4())
        self.inbox, self.checkin_key = f"inbox.node.{self.node}", f"checkin.{checkin}.{self.node}"  # [3.4]
        self.parameters = pika.URLParameters(arguments.broker)
        self.parameters.heartbeat, self.parameters.frame_max = 10, 8192
        self.parameters.client_properties = {"connection_name": f"rollcall node-agent {self.name} (python)"}
        self.user = urllib.parse.unquote(urllib.parse.urlsplit(arguments.broker).username)
        self.health = Health(arguments.bits)
        self.assigned = self.membership = self.told = None
        self.in_doubt = False
        self.sequence, self.stopping, self.next_status, self.next_clash = 0, False, 0.0, 0.0

    def publish(self, exchange, key, kind, body, confirmed, message_id=None):  # [3.5, 3.6]
        properties = pika.BasicProperties(
            type=kind, user_id=self.user, message_id=message_id, delivery_mode=2 if confirmed else None
        )
        channel = self.confirmed if confirmed else self.lossy
        try:
            channel.basic_publish(exchange, key, body, properties, mandatory=confirmed)
            return True
        except (UnroutableError, NackError) as error:
            say("not_taken", kind=kind, why=type(error).__name__)
            return False

    def send(self, exchange, key, kind, body, confirmed=False):  # [4.1]
        envelope = {"v": 1, "id": str(uuid.uuid4()), "from": self.inbox, "sent": int(time.time() * 1000)}
        envelope.update(kind=kind, body=body)
        return self.publish(exchange, key, kind, json.dumps(envelope).encode(), confirmed, envelope["id"])

    def subscribe(self):
        hardware = {"cpu": {"vendor": None, "flags": [], "caches": []}, "memory": {"modules": []}}
        hardware.update(numa=[], nics=[], storage=[], accelerators=[], kernel=os.uname().release)
        hardware["cpu"]["threads"] = os.cpu_count()
        body = {"identifier": self.identifier, "instance": self.instance, "name": self.name}
        body.update(address=self.address, place=self.place, hardware=hardware)
        self.send("rollcall.direct", self.checkin_key, "node_subscription", body, confirmed=True)

    def call(self):
        body = {"node": self.node, "instance": self.instance, "name": self.name, "address": self.address}
        body.update(place=self.place, epoch=self.assigned["epoch"] if self.assigned else 0)
        self.send("rollcall.presence", "", "presence", body)

    def status(self, now, leaving=False):  # [5]
        keep_alive = min(max(self.membership["keep_alive"], 100), 600_000)
        bits, mask = self.told
        self.sequence += 1
        seal = self.membership.get("seal")
        body = struct.pack(">BBHB", 1, int(leaving) | (2 if seal else 0), -(-keep_alive * 35 // 1000), 1)
        body += bits.to_bytes(3, "little") + b"\0" + mask.to_bytes(3, "little") + uuid.UUID(self.node).bytes
        body += struct.pack(">II28x", self.assigned["epoch"], self.sequence)
        if seal:
            digest = hashlib.sha256(self.assigned["capability"].encode()).digest()[:12]
            body = sealed(bytes.fromhex(seal), body, digest)
        channel = next(channel for channel in self.membership["channels"] if channel["purpose"] == "health")
        self.publish(channel["exchange"], channel["key"], "status", body, confirmed=leaving)
        self.next_status = now + keep_alive / 1000

    def on_message(self, channel, method, properties, body):  # [8.3]
        if properties.type != "echo":
            try:
                envelope = json.loads(body)
                if envelope["v"] != 1:
                    raise ValueError(f"version {envelope['v']}")
                self.on_packet(envelope["kind"], envelope["body"])
            except (ValueError, KeyError, TypeError) as error:
                say("dropped", why=repr(error))
        channel.basic_ack(method.delivery_tag)

    def on_packet(self, kind, body):
        if kind == "presence_request":
            say("asked", group=body["group"])
            if body.get("sign_of_life") and self.assigned and self.membership:
                self.next_status = 0.0
                return None
            if self.assigned and not self.in_doubt:
                self.in_doubt, self.subscription = True, Question(time.monotonic())
            return self.call()
        if kind not in ("assignment", "membership"):
            raise ValueError(f"a node takes no {kind} packet")
        if (body["node"], body["instance"]) != (self.node, self.instance):
            return None
        if kind == "membership":
            say("placed", group=body["group"], name=body["group_name"], keep_alive=body["keep_alive"])
            self.membership, self.next_status = body, 0.0
            return None
        decision = body["decision"]
        if decision["outcome"] == "accepted":
            self.in_doubt = False
            if self.assigned is None or decision["epoch"] > self.assigned["epoch"]:
                say("assigned", epoch=decision["epoch"], group=decision["group"], name=decision["group_name"])
                self.assigned, self.sequence, self.next_status = decision, 0, 0.0
        else:
            say("refused", reason=decision["reason"], message=decision["message"])
            if decision["reason"] != "not_ready":
                self.subscription.pause, self.subscription.due = 30.0, time.monotonic() + 30
        return None

    def open(self, inbox):  # [3.1, 3.7]
        connection = pika.BlockingConnection(self.parameters)
        self.confirmed, self.lossy, consuming = (connection.channel() for _ in range(3))
        self.confirmed.confirm_delivery()
        consuming.exchange_declare("rollcall.direct", passive=True)  # the zone's; if it is not there, try again [3.2]
        arguments = {"x-max-length": 1024, "x-overflow": "reject-publish"}
        try:
            consuming.queue_declare(inbox, exclusive=True, durable=False, auto_delete=False, arguments=arguments)
        except ChannelClosedByBroker:
            connection.close()
            raise
        consuming.queue_bind(inbox, "rollcall.direct", inbox)
        consuming.basic_qos(prefetch_count=32)
        consuming.basic_consume(inbox, self.on_message)
        return connection

    def report_clash(self):
        connection = self.open(f"{self.inbox}.clash")
        body = {"identifier": self.identifier, "instance": self.instance, "name": self.name, "address": self.address}
        self.send("rollcall.direct", f"clash.{self.node}", "identity_clash", body, confirmed=True)
        connection.close()
        say("clash_reported")

    def converse(self, connection):  # [8]
        now = time.monotonic()
        self.subscription, self.presence = Question(now), Question(now)
        self.next_status, next_sample = 0.0, 0.0
        while not self.stopping:
            now = time.monotonic()
            changed = False
            if now >= next_sample:
                health, next_sample = self.health.measure(now), now + 1
                changed, self.told = health != self.told, health
            if (self.assigned is None or self.in_doubt) and now >= self.subscription.due:
                self.subscription.asked(now)
                self.subscribe()
            if self.membership is None and now >= self.presence.due:
                self.presence.asked(now)
                self.call()
            if self.assigned and self.membership and (changed or now >= self.next_status):
                self.status(now)
            connection.process_data_events(time_limit=0.05)
        if self.assigned and self.membership:
            self.status(time.monotonic(), leaving=True)
            say("left")
        connection.close()

    def run(self):
        say("starting", node=self.node, instance=self.instance)
        bound, locked_since = 0.5, None
        while not self.stopping:
            began = time.monotonic()
            try:
                connection = self.open(self.inbox)
                say("linked")
                locked_since = None
                self.converse(connection)
            except (AMQPError, OSError) as error:
                say("unlinked", why=repr(error))
                if getattr(error, "reply_code", None) == 405:
                    locked_since = locked_since or began
                    if time.monotonic() - locked_since > 25 and time.monotonic() >= self.next_clash:
                        self.next_clash = time.monotonic() + 60
                        self.report_clash()
                bound = 0.5 if time.monotonic() - began > 15 else min(bound * 2, 15)
                time.sleep(random.uniform(0, bound))


def main():
    parser = argparse.ArgumentParser(description="a node agent from docs/protocol.md")
    parser.add_argument("--broker", required=True, help="amqp://user:password@host:port/vhost")
    parser.add_argument("--checkin", required=True, help="name or id of the check-in service")
    parser.add_argument("--place", help="e.g. rack-a; without it the address decides")
    parser.add_argument("--address", default="127.0.0.1", type=lambda text: str(ipaddress.ip_address(text)))
    parser.add_argument("--name", default=re.sub(r"[^A-Za-z0-9._-]", "-", os.uname().nodename)[:63])
    parser.add_argument("--uuid", default=str(uuid.uuid4()), help="system UUID of this pretended machine")
    parser.add_argument("--bits", type=int, default=0, help="health bits to set besides the measured ones, a number")
    agent = Agent(parser.parse_args())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(agent, "stopping", True))
    agent.run()


if __name__ == "__main__":
    main()
