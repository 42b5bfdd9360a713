embed_page(sources report.html report_page train/report_page.h)
