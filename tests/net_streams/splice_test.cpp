// SPDX-License-Identifier: Apache-2.0
#include "net/splice.h"

#include "net/write_queue.h"
#include "stream_fixture.h"

namespace keelson::net {
namespace {

class SpliceTest : public StreamTest {
 protected:
  // left_ <-> splice <-> right_
  SpliceTest() {
    std::tie(left_, inner_left_) = make_pipe();
    std::tie(inner_right_, right_) = make_pipe();
    auto join = [](Stream& a, Stream& b, bool* done) -> Task<void> {
      co_await splice_streams(a, b);
      *done = true;
    };
    spawn(executor_, join(*inner_left_, *inner_right_, &done_), stop_.get_token());
  }

  std::unique_ptr<Stream> left_, inner_left_, inner_right_, right_;
  std::stop_source stop_;
  bool done_ = false;
};

TEST_F(SpliceTest, PassesBytesAndHalfClosesOn) {
  ASSERT_TRUE(run(left_->write("request")));
  ASSERT_TRUE(run(left_->shutdown_write()));
  EXPECT_EQ(read_all(*right_), "request");
  EXPECT_FALSE(done_);

  ASSERT_TRUE(run(right_->write("response")));
  ASSERT_TRUE(run(right_->shutdown_write()));

  EXPECT_EQ(read_all(*left_), "response");
  executor_.run_ready();
  EXPECT_TRUE(done_);
}

TEST_F(SpliceTest, EndsWhenStopped) {
  stop_.request_stop();
  executor_.run_ready();
  EXPECT_TRUE(done_);
  EXPECT_EQ(read_all(*left_), "");
}

TEST_F(SpliceTest, EndsBothSidesWhenOneCannotBeWrittenTo) {
  right_->close();
  (void)run(left_->write("nobody reads this"));
  executor_.run_ready();
  EXPECT_TRUE(done_);
}

class WriteQueueTest : public StreamTest {
 protected:
  Task<void> drain() { ended_ = co_await queue_.run(*near_); }
  WriteQueueTest() { std::tie(near_, far_) = make_pipe(); }

  std::unique_ptr<Stream> near_, far_;
  WriteQueue queue_{4};
  std::optional<Result<void>> ended_;
};

TEST_F(WriteQueueTest, WritesInTheOrderPushedAndDrainsAfterClose) {
  for (const char letter : {'a', 'b', 'c'})
    ASSERT_TRUE(run(queue_.push([letter] { return std::string(1, letter); })));
  queue_.close();
  EXPECT_FALSE(run(queue_.push([] { return std::string("d"); })));

  run(drain());

  ASSERT_TRUE(ended_ && *ended_);
  EXPECT_EQ(read_exactly(*far_, 3), "abc");
}

TEST_F(WriteQueueTest, RefusesMoreOnceTheStreamHasFailed) {
  far_->close();
  ASSERT_TRUE(run(queue_.push([] { return std::string("lost"); })));

  run(drain());

  EXPECT_FALSE(*ended_);
  EXPECT_FALSE(run(queue_.push([] { return std::string("late"); })));
}

TEST_F(WriteQueueTest, HoldsWritersBackAtItsLimit) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue_.try_push([] { return std::string("x"); }));
  EXPECT_FALSE(queue_.try_push([] { return std::string("x"); }));
}

}  // namespace
}  // namespace keelson::net
