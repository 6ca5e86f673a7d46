// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include "net/spdy/frame.h"
#include "net/spdy/header_block.h"
#include "stream_fixture.h"

namespace keelson::net {
namespace {

std::string text_of(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers) out += " " + name + "=" + value;
  return out;
}

// A frame as one line, so that a table can compare it.
struct Describe {
  static std::string line(std::string_view name, std::uint32_t id, bool fin) {
    return std::string(name) + " " + std::to_string(id) + (fin ? " fin" : "");
  }
  std::string operator()(const SpdySynStream& f) const {
    return line("SYN_STREAM", f.id, f.fin) + (f.unidirectional ? " uni" : "") + " to " +
           std::to_string(f.associated) + " pri " + std::to_string(f.priority) + text_of(f.headers);
  }
  std::string operator()(const SpdySynReply& f) const {
    return line("SYN_REPLY", f.id, f.fin) + text_of(f.headers);
  }
  std::string operator()(const SpdyHeaders& f) const {
    return line("HEADERS", f.id, f.fin) + text_of(f.headers);
  }
  std::string operator()(const SpdyRstStream& f) const {
    return line("RST_STREAM", f.id, false) + " " + std::to_string(static_cast<int>(f.status));
  }
  std::string operator()(const SpdySettings& f) const {
    std::string out = "SETTINGS";
    for (const auto& e : f.entries)
      out += " " + std::to_string(e.flags) + ":" + std::to_string(e.id) + "=" +
             std::to_string(e.value);
    return out;
  }
  std::string operator()(const SpdyPing& f) const { return line("PING", f.id, false); }
  std::string operator()(const SpdyGoAway& f) const {
    return line("GOAWAY", f.last_good, false) + " " + std::to_string(f.status);
  }
  std::string operator()(const SpdyWindowUpdate& f) const {
    return line("WINDOW_UPDATE", f.id, false) + " " + std::to_string(f.delta);
  }
  std::string operator()(const SpdyData& f) const {
    return line("DATA", f.id, f.fin) + " " + f.bytes;
  }
};

std::vector<std::string> decode(SpdyDecoder& decoder, std::string_view bytes,
                                std::size_t portion = 1 << 20) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    decoder.append(bytes.substr(0, portion));
    bytes.remove_prefix(std::min(portion, bytes.size()));
    while (true) {
      auto frame = decoder.next();
      if (!frame) {
        lines.push_back("error: " + frame.error().message());
        return lines;
      }
      if (!*frame) break;
      lines.push_back(std::visit(Describe{}, **frame));
    }
  }
  return lines;
}

const std::vector<SpdyFrame>& every_frame() {
  static const std::vector<SpdyFrame> frames = {
      SpdySynStream{.id = 1, .priority = 3, .headers = {{"streamType", "error"}, {"Port", "80"}}},
      SpdySynStream{.id = 3, .associated = 1, .fin = true, .unidirectional = true},
      SpdySynReply{.id = 1, .fin = false, .headers = {{"status", "200 OK"}}},
      SpdyRstStream{3, SpdyStatus::RefusedStream},
      SpdySettings{{{1, 4, 100}, {0, 7, 65536}}},
      SpdyPing{5},
      SpdyHeaders{.id = 1, .fin = true, .headers = {{"a", "1"}, {"A", "2"}, {"b", ""}}},
      SpdyWindowUpdate{1, 65536},
      SpdyData{1, false, "bytes"},
      SpdyData{1, true, ""},
      SpdyGoAway{3, 0},
  };
  return frames;
}

const std::vector<std::string>& every_line() {
  static const std::vector<std::string> lines = {
      "SYN_STREAM 1 to 0 pri 3 streamtype=error port=80",
      "SYN_STREAM 3 fin uni to 1 pri 0",
      "SYN_REPLY 1 status=200 OK",
      "RST_STREAM 3 3",
      "SETTINGS 1:4=100 0:7=65536",
      "PING 5",
      "HEADERS 1 fin a=1 a=2 b=",
      "WINDOW_UPDATE 1 65536",
      "DATA 1 bytes",
      "DATA 1 fin ",
      "GOAWAY 3 0",
  };
  return lines;
}

TEST(SpdyDictionary, IsThatOfTheProtocol) {
  const std::string& dictionary = spdy_dictionary();
  EXPECT_EQ(dictionary.size(), 1423u);
  const auto* bytes = reinterpret_cast<const Bytef*>(dictionary.data());
  EXPECT_EQ(adler32(adler32(0, nullptr, 0), bytes, 1423), 0xe3c6a7c2u);
}

TEST(SpdyFrame, RoundTripsEveryKind) {
  SpdyEncoder encoder;
  SpdyDecoder decoder;
  std::string bytes;
  for (const auto& frame : every_frame()) bytes += encoder.encode(frame);
  EXPECT_EQ(decode(decoder, bytes), every_line());
}

TEST(SpdyFrame, DoesNotDependOnHowTheBytesArrive) {
  for (const std::size_t portion : {2, 3, 5, 64}) {
    SCOPED_TRACE(portion);
    SpdyEncoder encoder;
    SpdyDecoder decoder;
    std::string bytes;
    for (const auto& frame : every_frame()) {
      if (!std::holds_alternative<SpdyData>(frame)) bytes += encoder.encode(frame);
    }
    auto expected = every_line();
    std::erase_if(expected, [](const auto& line) { return line.starts_with("DATA"); });
    EXPECT_EQ(decode(decoder, bytes, portion), expected);
  }
}

TEST(SpdyFrame, EncodesToTheBytesOfTheSpecification) {
  SpdyEncoder encoder;
  struct Case {
    SpdyFrame frame;
    std::string_view hex;
  };
  const Case cases[] = {
      {SpdyData{5, true, "hi"}, "00 00 00 05 01 00 00 02 68 69"},
      {SpdyRstStream{3, SpdyStatus::Cancel}, "80 03 00 03 00 00 00 08 00 00 00 03 00 00 00 05"},
      {SpdyPing{2}, "80 03 00 06 00 00 00 04 00 00 00 02"},
      {SpdyGoAway{9, 0}, "80 03 00 07 00 00 00 08 00 00 00 09 00 00 00 00"},
      {SpdyWindowUpdate{1, 256}, "80 03 00 09 00 00 00 08 00 00 00 01 00 00 01 00"},
  };
  for (const auto& c : cases) EXPECT_EQ(encoder.encode(c.frame), from_hex(c.hex));
}

TEST(SpdyFrame, HandsOutLongDataAsItComes) {
  SpdyDecoder decoder;
  const std::string head = from_hex("00 00 00 01 01 00 00 06");
  EXPECT_EQ(decode(decoder, head + "abc"), (std::vector<std::string>{"DATA 1 abc"}));
  EXPECT_EQ(decode(decoder, "def"), (std::vector<std::string>{"DATA 1 fin def"}));
}

TEST(SpdyFrame, SkipsControlFramesItDoesNotKnow) {
  SpdyDecoder decoder;
  EXPECT_EQ(decode(decoder,
                   from_hex("80 03 00 0c 00 00 00 02 01 02 80 03 00 06 00 00 00 04 00 00 00 07")),
            (std::vector<std::string>{"PING 7"}));
}

TEST(SpdyFrame, RefusesWhatTheProtocolForbids) {
  struct Case {
    std::string_view hex, expected;
  };
  const Case cases[] = {
      {"80 02 00 06 00 00 00 04 00 00 00 07", "spdy: not version 3"},
      {"00 00 00 00 00 00 00 01 61", "spdy: DATA for stream 0"},
      {"80 03 00 01 00 01 00 01", "spdy: control frame too long"},
      {"80 03 00 01 00 00 00 04 00 00 00 01", "spdy: SYN_STREAM cut short"},
      {"80 03 00 02 00 00 00 02 00 00", "spdy: header frame cut short"},
      {"80 03 00 02 00 00 00 08 00 00 00 01 ff ff ff ff", "spdy: header block: not deflated"},
      {"80 03 00 03 00 00 00 04 00 00 00 01", "spdy: RST_STREAM of the wrong length"},
      {"80 03 00 04 00 00 00 04 00 00 00 01", "spdy: SETTINGS of the wrong length"},
      {"80 03 00 04 00 00 00 02 00 00", "spdy: SETTINGS of the wrong length"},
      {"80 03 00 06 00 00 00 00", "spdy: PING of the wrong length"},
      {"80 03 00 07 00 00 00 04 00 00 00 01", "spdy: GOAWAY of the wrong length"},
      {"80 03 00 09 00 00 00 04 00 00 00 01", "spdy: WINDOW_UPDATE of the wrong length"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.hex);
    SpdyDecoder decoder;
    EXPECT_EQ(decode(decoder, from_hex(c.hex)),
              (std::vector<std::string>{"error: " + std::string(c.expected)}));
  }
}

TEST(SpdyHeaderBlock, KeepsItsStateFromBlockToBlock) {
  SpdyDeflater deflater;
  SpdyInflater inflater;
  const Headers headers{{"streamtype", "data"}, {"requestid", "17"}};
  const std::string first = deflater.deflate(headers);
  const std::string second = deflater.deflate(headers);

  EXPECT_LT(second.size(), first.size());
  EXPECT_EQ(text_of(inflater.inflate(first, 1000).value()), " streamtype=data requestid=17");
  EXPECT_EQ(text_of(inflater.inflate(second, 1000).value()), " streamtype=data requestid=17");
}

TEST(SpdyHeaderBlock, IsReadByZlibPrimedWithTheDictionary) {
  SpdyDeflater deflater;
  std::string block = deflater.deflate({{"x", "y"}});
  // The zlib header: a window of 2 KiB, and the dictionary's checksum.
  EXPECT_EQ(block.substr(0, 1), from_hex("38"));
  EXPECT_EQ(block.substr(2, 4), from_hex("e3 c6 a7 c2"));
}

TEST(SpdyHeaderBlock, StopsInflatingAtTheLimit) {
  SpdyDeflater deflater;
  SpdyInflater inflater;
  const std::string bomb = deflater.deflate({{"x", std::string(1 << 20, 'y')}});
  ASSERT_LT(bomb.size(), 64u << 10);

  EXPECT_EQ(inflater.inflate(bomb, 64 << 10).error().message(), "spdy: header block: too long");
}

// A block with these bytes inside, deflated as a peer would.
std::string deflated(std::string_view inner) {
  z_stream stream{};
  deflateInit(&stream, Z_DEFAULT_COMPRESSION);
  const std::string& dictionary = spdy_dictionary();
  deflateSetDictionary(&stream, reinterpret_cast<const Bytef*>(dictionary.data()), 1423);
  std::string out(1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(inner.data()));
  stream.avail_in = static_cast<uInt>(inner.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = 1000;
  deflate(&stream, Z_SYNC_FLUSH);
  out.resize(1000 - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

TEST(SpdyHeaderBlock, RefusesFieldsThatDoNotFit) {
  struct Case {
    std::string_view hex, expected;
  };
  const Case cases[] = {
      {"00 00 00", "cut short"},
      {"00 00 00 01", "cut short"},
      {"00 00 00 01 00 00 00 05 61", "cut short"},
      {"ff ff ff ff 00 00 00 01 61 00 00 00 00", "cut short"},
      {"00 00 00 01 00 00 00 00 00 00 00 00", "empty name"},
      {"00 00 00 00 00", "bytes after the last field"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.hex);
    SpdyInflater inflater;
    const auto headers = inflater.inflate(deflated(from_hex(c.hex)), 1000);
    ASSERT_FALSE(headers);
    EXPECT_EQ(headers.error().message(), "spdy: header block: " + std::string(c.expected));
  }
}

}  // namespace
}  // namespace keelson::net
