// Sharing rows out to threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

// Rows are handed out in blocks of a fixed size: what a block computes never depends on how many threads there are.
constexpr int kBlockRows = 64;

// Run work(first, last) for every block of at most `size` of the rows 0 .. rows, on up to `threads` threads, this one
// among them. An exception in one block is thrown here once all have stopped; a thread that cannot start is done without.
template <typename Work>
void share_rows(int rows, int size, int threads, const Work &work) {
    const int blocks = (rows + size - 1) / size;
    std::atomic<int> next{0};
    std::exception_ptr failure;
    std::mutex failing;
    const auto run = [&] {
        try {
            for (int block; (block = next.fetch_add(1)) < blocks;) work(block * size, std::min((block + 1) * size, rows));
        } catch (...) {
            const std::lock_guard<std::mutex> lock(failing);
            failure = std::current_exception();
            next = blocks;
        }
    };
    std::vector<std::thread> helpers;
    try {
        for (int i = 1; i < std::min(threads, blocks); i++) helpers.emplace_back(run);
    } catch (const std::exception &) {  // No more threads to be had.
    }
    run();
    for (auto &helper : helpers) helper.join();
    if (failure) std::rethrow_exception(failure);
}
