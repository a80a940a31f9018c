import struct, sys, zmq

socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1])  # tcp://127.0.0.1:7700
socket.subscribe("signal/")
last = {}
while True:
    topic, envelope, record = socket.recv_multipart()
    version, encoding, kind, flags, epoch, seq, *times = struct.unpack("<4B4x2Q4q", envelope)
    missed = seq - 1 - last.get((epoch, topic), seq - 1)
    last[epoch, topic] = seq
    value = None if flags & 64 else struct.unpack_from("<d", record, 40)[0]
    print(topic.decode(), "seq", seq, "missed", missed, "value", value, flush=True)
