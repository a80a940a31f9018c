"""Asks a tickloom for its services, their health and what runs did, with the gRPC of Google and nothing of ours: what there is, is
learnt from reflection. The arguments are the address, and, where certificates are shown, the file of the roots and those of who this
is, `-` for nobody. One line for each answer."""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

PACKAGE = "tickloom.activity.v1"
ACTIVITY = PACKAGE + ".Activity"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def reflect(channel, **asked):
    """One answer of reflection v1, whose messages are those of v1alpha."""
    ask = channel.stream_stream(
        REFLECTION,
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(**asked)
    return next(iter(ask(iter([request]), timeout=20)))


def messages(channel):
    """The messages of the service, by their short names."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    pool = DescriptorPool()
    answer = reflect(channel, file_containing_symbol=ACTIVITY)
    for encoded in answer.file_descriptor_response.file_descriptor_proto:
        pool.Add(FileDescriptorProto.FromString(encoded))

    def named(name):
        return GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))

    return named


def given(message, field):
    return getattr(message, field) if message.HasField(field) else None


def known(address, roots, *files):
    """Whether the server lets in who shows these, as a line each."""

    def read(file):
        with open(file, "rb") as opened:
            return opened.read()

    for file in files:
        own = None if file == "-" else read(file)
        credentials = grpc.ssl_channel_credentials(read(roots), own, own)
        options = [("grpc.ssl_target_name_override", "activity")]
        channel = grpc.secure_channel(address, credentials, options)
        try:
            health = health_pb2_grpc.HealthStub(channel)
            health.Check(health_pb2.HealthCheckRequest(), timeout=20)
            print("let in")
        except grpc.RpcError as error:
            print(error.code().name)


def main():
    if len(sys.argv) > 2:
        return known(*sys.argv[1:])
    channel = grpc.insecure_channel(sys.argv[1])
    listed = reflect(channel, list_services="").list_services_response.service
    print("services", *sorted(service.name for service in listed))
    health = health_pb2_grpc.HealthStub(channel)
    for name in ["", "activity", ACTIVITY, "other"]:
        try:
            answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=20)
            status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        except grpc.RpcError as error:
            status = error.code().name
        print(f"health {name!r} {status}")
    named = messages(channel)

    def call(method, **fields):
        ask = channel.unary_unary(
            f"/{ACTIVITY}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=named(method + "Response").FromString,
        )
        return ask(named(method + "Request")(**fields), timeout=20)

    for run in call("ListRuns").items:
        print("runs", run.run, run.started, run.outputs, run.caught_up)
    after, more = "", True
    while more:
        page = call("ListFills", run="run", after=after, limit=1)
        for fill in page.items:
            words = [fill.number, fill.side, fill.price, fill.quantity, fill.fee, fill.currency]
            print("fill", *words, fill.taker)
        after, more = page.next, page.more
    for signal in call("ListSignals", run="run").items:
        words = [signal.number, signal.ready, given(signal, "value"), given(signal, "bits")]
        print("signal", *words)
    for fields in [{"run": "other"}, {"run": "run", "limit": 0}]:
        try:
            call("ListFills", **fields)
        except grpc.RpcError as error:
            problem = json.loads(dict(error.trailing_metadata())["problem-bin"])
            words = [error.code().name, repr(error.details()), problem["code"], problem["status"]]
            print("refused", *words)
    try:
        call("ListRuns", after="x" * (4 << 20))
    except grpc.RpcError as error:
        is_refused = error.code().name in ("RESOURCE_EXHAUSTED", "OUT_OF_RANGE")
        print("large", "RESOURCE_EXHAUSTED or OUT_OF_RANGE" if is_refused else error)


main()
