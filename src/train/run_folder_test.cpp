#include "train/run_folder.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace puna {
namespace {

using nlohmann::json;

json report_of(const TestFolder& folder) {
    std::string page = read_text(folder / "report.html");
    size_t begin = page.find("id=\"run\">") + 9;
    return json::parse(page.substr(begin, page.find("</script", begin) - begin));
}

TEST(RunFolder, ItsReportKnowsWhenItIsWrittenAgain) {
    TestFolder folder;
    RunFolder run(folder.path());
    RunState state;
    run.begin({.version = "0.1.0"}, state);
    EXPECT_GT(report_of(folder)["next"], 100) << "the first step may take long";
    EXPECT_EQ(report_of(folder)["runs"][0]["phase"], "running");
    run.append(StepMetrics{.step = 1, .loss = 2}, StepTiming{.step = 1, .seconds = 1});
    run.write_report_if_due();
    EXPECT_EQ(report_of(folder)["runs"][0]["summary"]["steps"], 0) << "it is not due";
    run.write_report();
    EXPECT_EQ(report_of(folder)["runs"][0]["summary"]["steps"], 1);
    EXPECT_GE(report_of(folder)["next"], 20);
    run.end(RunEnd::failed, "step 2: the loss is not finite");
    EXPECT_EQ(report_of(folder)["next"], 0);
    EXPECT_EQ(report_of(folder)["runs"][0]["phase"], "failed");
    EXPECT_EQ(report_of(folder)["runs"][0]["problem"], "step 2: the loss is not finite");
}

}  // namespace
}  // namespace puna
