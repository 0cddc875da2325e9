// The parts of a report's page as symbols of the program: text, style, script.
#define PART(begin, end, file) .global begin; .global end; begin: .incbin file; end: .byte 0
    .section .rodata
    PART(deferscope_report_html_begin, deferscope_report_html_end, REPORT_HTML)
    PART(deferscope_report_css_begin, deferscope_report_css_end, REPORT_CSS)
    PART(deferscope_report_js_begin, deferscope_report_js_end, REPORT_JS)
    .section .note.GNU-stack, "", %progbits
