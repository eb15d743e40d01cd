#!/usr/bin/env python3
"""sip.py serve | sip.py call ADDRESS: one SIP INVITE over UDP and its answer, whose body tells where the voice goes.

The server tells its own, private address, and sends the caller one datagram of voice when it has been sent one.
"""
import socket, sys, threading


def body(address, port):
    return ("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n"
            % (address, address, port))


def local(towards):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((towards, 9))
    return s.getsockname()[0]


def voice():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 30000))
    while True:
        s.sendto(b"voice from inside", s.recvfrom(2048)[1])


if sys.argv[1] == "serve":
    threading.Thread(target=voice, daemon=True).start()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 5060))
    while True:
        message, peer = s.recvfrom(4096)
        headers = message.decode().split("\r\n\r\n")[0].split("\r\n")
        keep = [h for h in headers if h.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
        own = local(peer[0])
        sdp = body(own, 30000)
        s.sendto(("SIP/2.0 200 OK\r\n" + "\r\n".join(keep) + "\r\nContact: <sip:pn@%s:5060>\r\nContent-Type: application/sdp\r\n"
                  "Content-Length: %d\r\n\r\n%s" % (own, len(sdp), sdp)).encode(), peer)
else:
    router = sys.argv[2]
    own = local(router)
    sdp = body(own, 31000)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.bind((own, 5060))
    s.sendto(("INVITE sip:pn@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK1\r\nFrom: <sip:gn@%s>;tag=1\r\n"
              "To: <sip:pn@%s>\r\nCall-ID: 1@%s\r\nCSeq: 1 INVITE\r\nContact: <sip:gn@%s:5060>\r\n"
              "Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s"
              % (router, own, own, router, own, own, len(sdp), sdp)).encode(), (router, 5060))
    try:
        answer = s.recv(4096).decode()
        told = [line.split()[2] for line in answer.split("\r\n") if line.startswith("c=")][0]
        port = [int(line.split()[1]) for line in answer.split("\r\n") if line.startswith("m=")][0]
        v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        v.settimeout(3)
        v.bind((own, 31000))
        v.sendto(b"voice from outside", (told, port))
        print("told %s, %s" % (told, v.recv(2048).decode()))
    except OSError as error:
        print("failed: %s" % error)
