"""The Sheet: fixed marks and slots in millimetres; ``layout`` places them for one document.

Origin: the page's top left corner, y downwards, as in OFD (GB/T 33190-2016); a PDF writer
turns it over.  Writers draw only placed marks: ``layout`` alone decides shrinking, wrapping
and fallback faces, which is why every format agrees.
"""
